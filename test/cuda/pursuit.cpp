// Orthogonal matching pursuit on a device against float64: every choice is the strongest atom at the least squares residual of those before it, the
// lower index among equals; the code is the least squares code; each sample ends by the rule that it says; and two runs agree to the bit. Runs
// on the emulation, and on a GPU (npm run gpu-check).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <utility>
#include <vector>

#include "mixtures.hpp"
#include "table.hpp"

namespace {

constexpr unsigned kCapacity = 128;

struct Problem {
  std::size_t samples, features, dims;
  std::uint32_t most;
  double residual = 0, coherence = 0;
  bool nonnegative = false, copies = false;  // copies: every atom stands there twice
  unsigned seed = 1;
};

struct Answer {
  std::vector<std::uint32_t> indices, count, choices;
  std::vector<float> values;
  std::vector<std::uint8_t> outcome;
  std::vector<double> squared_residual;
  explicit Answer(std::size_t n)
      : indices(n * kCapacity),
        count(n),
        choices(n),
        values(n * kCapacity),
        outcome(n),
        squared_residual(n) {}
};

Answer solve(UnsuperposeCudaRows* rows, const UnsuperposeCudaPursuit& pursuit) {
  Answer answer(pursuit.samples.count);
  UnsuperposeCudaSupports supports{answer.indices.data(),
                                   answer.values.data(),
                                   answer.count.data(),
                                   answer.outcome.data(),
                                   answer.choices.data(),
                                   answer.squared_residual.data(),
                                   {}};
  UnsuperposeCudaError error;
  require(table.pursue(rows, &pursuit, &supports, &error), error);
  return answer;
}

double dot(const float* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t k = 0; k < n; ++k) sum += static_cast<double>(a[k]) * b[k];
  return sum;
}

/// Least squares by orthogonal directions, twice orthogonalised.
class Projection {
 public:
  explicit Projection(const float* x, std::size_t dims) : dims_(dims), residual_(x, x + dims) {}
  const std::vector<double>& residual() const { return residual_; }
  void add(const float* atom) {
    std::vector<double> direction(atom, atom + dims_);
    for (int pass = 0; pass < 2; ++pass)
      for (const auto& other : directions_) remove(direction, other);
    double squared = 0;
    for (const double v : direction) squared += v * v;
    for (double& v : direction) v /= std::sqrt(squared);
    remove(residual_, direction);
    directions_.push_back(std::move(direction));
  }

 private:
  static void remove(std::vector<double>& from, const std::vector<double>& direction) {
    double share = 0;
    for (std::size_t k = 0; k < from.size(); ++k) share += from[k] * direction[k];
    for (std::size_t k = 0; k < from.size(); ++k) from[k] -= share * direction[k];
  }
  std::size_t dims_;
  std::vector<double> residual_;
  std::vector<std::vector<double>> directions_;
};

double norm(const std::vector<double>& v) {
  double sum = 0;
  for (const double entry : v) sum += entry * entry;
  return std::sqrt(sum);
}

/// Answers how many samples the device finished.
std::size_t test(const Problem& p) {
  std::mt19937 random(p.seed);
  std::normal_distribution<float> normal;
  std::vector<float> atoms(p.features * p.dims), samples(p.samples * p.dims), common(p.dims);
  for (float& v : common) v = normal(random);
  for (std::size_t j = 0; j < p.features; ++j) {
    float* atom = atoms.data() + j * p.dims;
    if (p.copies && j >= p.features / 2) {
      std::copy_n(atoms.data() + (j - p.features / 2) * p.dims, p.dims, atom);
      continue;
    }
    double squared = 0;
    for (std::size_t k = 0; k < p.dims; ++k) {
      atom[k] = normal(random) + static_cast<float>(p.coherence) * common[k];
      squared += static_cast<double>(atom[k]) * static_cast<double>(atom[k]);
    }
    const float scale = static_cast<float>((0.5 + static_cast<double>(j % 3)) / std::sqrt(squared));
    for (std::size_t k = 0; k < p.dims; ++k) atom[k] *= scale;
  }
  mix(atoms, p.features, p.dims, p.nonnegative, 0.02f, random, normal, samples);
  std::vector<std::uint32_t> most(p.samples, p.most);
  for (std::size_t i = 0; i < p.samples; ++i) most[i] = i % 4 == 1 ? p.most / 2 + 1 : p.most;
  const std::vector<double> residual(p.samples, p.residual);

  UnsuperposeCudaError error;
  const UnsuperposeCudaMatrix right{atoms.data(), p.dims, p.features, p.dims, nullptr};
  UnsuperposeCudaRows* rows = nullptr;
  require(table.upload(0, &right, &rows, &error), error);
  UnsuperposeCudaPursuit pursuit{};
  pursuit.samples = {samples.data(), p.dims, p.samples, p.dims, nullptr};
  pursuit.most = most.data();
  pursuit.residual = residual.data();
  pursuit.nonnegative = p.nonnegative;
  pursuit.all_explained = !(p.residual > 0);
  pursuit.capacity = kCapacity;
  const Answer answer = solve(rows, pursuit), again = solve(rows, pursuit);
  EXPECT(answer.count == again.count && answer.indices == again.indices && answer.values == again.values &&
         answer.outcome == again.outcome && answer.squared_residual == again.squared_residual);
  table.release(rows);

  std::size_t finished = 0;
  for (std::size_t i = 0; i < p.samples; ++i) {
    const float* x = samples.data() + i * p.dims;
    const std::uint32_t* support = answer.indices.data() + i * kCapacity;
    const float* code = answer.values.data() + i * kCapacity;
    const std::size_t size = answer.count[i];
    EXPECT(size <= most[i]);
    std::vector<double> coded(x, x + p.dims);
    for (std::size_t e = 0; e < size; ++e) {
      EXPECT(code[e] != 0 && (!p.nonnegative || code[e] > 0));
      for (std::size_t k = 0; k < p.dims; ++k)
        coded[k] -= static_cast<double>(code[e]) * static_cast<double>(atoms[support[e] * p.dims + k]);
    }
    if (answer.outcome[i] == UNSUPERPOSE_CUDA_PURSUED_PART) continue;
    ++finished;
    EXPECT(std::fabs(norm(coded) * norm(coded) - answer.squared_residual[i]) <= 1e-12);
    Projection projection(x, p.dims);
    for (std::size_t e = 0; e < size; ++e) {
      const std::vector<double>& r = projection.residual();
      double strongest = 0, mine = 0;
      for (std::uint32_t j = 0; j < p.features; ++j) {
        const double product = dot(atoms.data() + j * p.dims, r.data(), p.dims);
        const double strength = p.nonnegative ? product : std::fabs(product);
        // Atoms that were chosen before correlate by rounding only.
        strongest = std::max(strongest, strength);
        if (j == support[e]) mine = strength;
      }
      // Where atoms were dropped again, the order of what is left is not that of the choices.
      if (answer.choices[i] == size) EXPECT(mine >= strongest * (1 - 1e-9));
      if (p.copies) EXPECT(support[e] < p.features / 2);
      projection.add(atoms.data() + support[e] * p.dims);
    }
    // The code is the least squares code, but for its rounding to float32.
    double rounding = 1e-9;
    for (std::size_t e = 0; e < size; ++e)
      rounding += 0x1.0p-24 * 2.5 * std::fabs(static_cast<double>(code[e]));
    for (std::size_t k = 0; k < p.dims; ++k)
      EXPECT(std::fabs(coded[k] - projection.residual()[k]) <= rounding);
    const double left = norm(projection.residual());
    if (answer.outcome[i] == UNSUPERPOSE_CUDA_PURSUED)
      EXPECT(size == most[i] || left <= std::max(p.residual, 1e-12) * (1 + 1e-9));
    if (size > 0 && size < most[i]) EXPECT(left <= p.residual * (1 + 1e-9) || p.residual == 0);
    if (answer.outcome[i] == UNSUPERPOSE_CUDA_PURSUED_LIMIT) EXPECT(answer.choices[i] >= 3 * most[i]);
  }
  return finished;
}

}  // namespace

int main(int argc, char**) {
  const bool large = argc > 1;  // on a GPU
  std::size_t finished = 0, all = 0;
  const auto run = [&](Problem p) {
    for (const bool nonnegative : {false, true}) {
      p.nonnegative = nonnegative;
      ++p.seed;
      finished += test(p);
      all += p.samples;
    }
  };
  run({.samples = 9, .features = 40, .dims = 24, .most = 6});
  run({.samples = 6, .features = 300, .dims = 64, .most = 64, .residual = 0.1});
  run({.samples = 6, .features = 130, .dims = 33, .most = 9, .coherence = 1});
  run({.samples = 5, .features = 80, .dims = 20, .most = 5, .copies = true});
  run({.samples = 2, .features = 2105, .dims = 17, .most = 4});
  if (large) {
    run({.samples = 60, .features = 9000, .dims = 256, .most = 24});
    run({.samples = 9, .features = 12000, .dims = 512, .most = 128, .residual = 0.1});
    run({.samples = 40, .features = 3000, .dims = 300, .most = 40, .coherence = 0.7});
  }
  std::printf("%zu of %zu samples were finished on the device\n", finished, all);
  EXPECT(finished * 10 >= all * 9);
  return ended();
}
