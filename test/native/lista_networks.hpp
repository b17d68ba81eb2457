// Small unrolled networks of every kind, of random parameters.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "../../native/core/random.hpp"
#include "../../native/learning/lista_network.hpp"
#include "check.hpp"

namespace unsuperpose::check {

inline constexpr double kU = kUnit;
using Doubles = std::vector<double>;

struct Shape {
  ListaWeights weights = ListaWeights::fixed;
  bool nonnegative = false;
  std::size_t layers = 4, features = 30, dims = 12;
  float selection = 0;
  double adaptive = 0;
  double size = 1;       // of samples
  bool learned = false;  // steps that are not 1
  bool zero_atom = false;
  std::string name;
};

inline std::vector<float> normals(Random& random, std::size_t count, double size) {
  std::vector<float> made(count);
  for (float& value : made) value = static_cast<float>(random.normal() * size);
  return made;
}

inline ListaParameters parameters_of(const Shape& problem, Random& random) {
  ListaParameters p;
  p.weights = problem.weights;
  p.nonnegative = problem.nonnegative;
  p.layers = problem.layers;
  p.features = problem.features;
  p.dims = problem.dims;
  p.adaptive = problem.adaptive * problem.size;
  const std::size_t n = p.features, m = p.dims;
  p.dictionary = normals(random, n * m, 3);
  if (problem.zero_atom) std::fill_n(p.dictionary.begin() + static_cast<std::ptrdiff_t>(n / 2 * m), m, 0.0f);
  const bool hyper = p.weights == ListaWeights::hyper;
  if (p.weights == ListaWeights::fixed || hyper) {
    std::vector<float> weights;
    that(analytic_weights({p.dictionary.data(), n, m}, 0, Execution{}, weights).ok(), "analytic weights");
    p.forward = weights;
  } else {
    const std::size_t matrices = p.weights == ListaWeights::shared ? 1 : p.layers;
    p.forward = normals(random, matrices * n * m, 1 / std::sqrt(static_cast<double>(m)));
  }
  if (p.weights == ListaWeights::pair) p.recurrent = normals(random, p.layers * n * n, .2);
  if (hyper) {
    p.hyper = {5e-3 * 30 / static_cast<double>(n), 5e-3, .6};
    return p;
  }
  for (std::size_t k = 0; k < p.layers; ++k) {
    p.step.push_back(problem.learned ? .7f + .2f * static_cast<float>(k) : 1);
    p.threshold.push_back(static_cast<float>(problem.size * .3 / (1 + static_cast<double>(k))));
    p.selection.push_back(problem.selection * static_cast<float>(k + 1));
  }
  return p;
}

inline double unit(const lista::Network& network, std::size_t j, std::size_t d) {
  const double norm = network.norms[j];
  return norm == 0 ? 0 : static_cast<double>(network.at.dictionary[j * network.at.dims + d]) / norm;
}

}  // namespace unsuperpose::check
