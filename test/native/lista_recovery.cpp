// What unrolled networks learn of a small problem comes to, beside least squares on the true supports. Prints one line; exits 1 if not.
#include <cmath>
#include <vector>

#include "../../native/learning/lista_network.hpp"
#include "lista_learning.hpp"

using namespace unsuperpose;
using namespace unsuperpose::check;

namespace {

/// Σ‖a − a*‖² of least squares on the true supports, relative to Σ‖a*‖², of codes of unit atoms: in dB. Samples whose support does not
/// determine its codes count nothing.
double floor_of(const std::vector<float>& dictionary, const std::vector<float>& x, const SparseCodes& codes) {
  double error = 0, base = 0;
  for (std::size_t i = 0; i + 1 < codes.indptr.size(); ++i) {
    const std::size_t first = codes.indptr[i], s = codes.indptr[i + 1] - first;
    std::vector<double> gram(s * s), right(s), norm(s);
    const auto atom = [&](std::size_t a, std::size_t d) {
      return static_cast<double>(dictionary[codes.indices[first + a] * kDims + d]);
    };
    for (std::size_t a = 0; a < s; ++a) {
      for (std::size_t b = 0; b < s; ++b)
        for (std::size_t d = 0; d < kDims; ++d) gram[a * s + b] += atom(a, d) * atom(b, d);
      for (std::size_t d = 0; d < kDims; ++d) right[a] += atom(a, d) * static_cast<double>(x[i * kDims + d]);
      norm[a] = std::sqrt(gram[a * s + a]);
    }
    for (std::size_t p = 0; p < s; ++p)  // Gauss, the matrix is positive definite
      for (std::size_t a = p + 1; a < s; ++a) {
        const double factor = gram[a * s + p] / gram[p * s + p];
        for (std::size_t b = p; b < s; ++b) gram[a * s + b] -= factor * gram[p * s + b];
        right[a] -= factor * right[p];
      }
    for (std::size_t a = s; a-- > 0;) {
      for (std::size_t b = a + 1; b < s; ++b) right[a] -= gram[a * s + b] * right[b];
      right[a] /= gram[a * s + a];
    }
    for (std::size_t a = 0; a < s; ++a) {
      const double truth = static_cast<double>(codes.values[first + a]);
      error += (right[a] - truth) * (right[a] - truth) * norm[a] * norm[a];
      base += truth * truth * norm[a] * norm[a];
    }
  }
  return 10 * std::log10(error / base);
}

/// NMSE of a network's own codes on samples of a prior that it has not seen, in dB.
double error_of(const ListaParameters& parameters, const std::vector<float>& x, const SparseCodes& codes) {
  lista::Network network;
  that(lista::make_network(parameters, {}, network).ok(), "a network");
  lista::Codes out;
  std::vector<float> scaled(x);
  for (float& value : scaled) value *= static_cast<float>(parameters.scale);
  lista::run_layers(network, view(scaled, kDims), parameters.layers, out, nullptr);
  double error = 0, base = 0;
  for (std::size_t i = 0; i < out.samples(); ++i) {
    std::vector<double> off(kFeatures, 0);
    for (std::uint32_t e = codes.indptr[i]; e < codes.indptr[i + 1]; ++e) {
      const std::uint32_t j = codes.indices[e];
      off[j] = static_cast<double>(codes.values[e]) * network.norms[j];
      base += off[j] * off[j];
    }
    for (std::uint32_t e = out.begin[i]; e < out.begin[i + 1]; ++e)
      off[out.index[e]] -= static_cast<double>(out.value[e]) / parameters.scale;
    for (const double one : off) error += one * one;
  }
  return 10 * std::log10(error / base);
}

/// What a small problem comes to, of the way (in dB) to least squares on the true supports.
void recovers() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of(25);
  std::vector<float> x;
  SparseCodes codes;
  draw_samples(prior, false, view(dictionary, kDims), 99, 0, 1000, {}, x, codes);
  const double floor = floor_of(dictionary, x, codes);
  that(floor < -20, "the floor is %.2f dB", floor);
  for (const ListaWeights kind : kKinds) {
    ListaOptions options = options_of(kind);
    options.layers = 8;
    options.selection = 1.5;
    options.planned = kind == ListaWeights::hyper ? 30 : kind == ListaWeights::pair ? 800 : 400;
    options.rate = 3e-3;
    options.batch_size = 256;
    const auto learner = make(options, &prior, dictionary);
    run(*learner, 1);
    const double first = error_of(frozen(*learner), x, codes);
    while (!learner->finished()) run(*learner, 1, 2);
    const ListaParameters parameters = frozen(*learner);
    const double error = error_of(parameters, x, codes);
    // Three numbers for all layers do less.
    const double share = kind == ListaWeights::hyper ? 0.6 : 2.0 / 3;
    that(error <= floor * share, "%s: %.2f dB, floor %.2f", name_of(kind), error, floor);
    that(error <= first + 0.3, "%s: %.2f dB, %.2f at first", name_of(kind), error, first);
    const ListaStatistics now = learner->statistics();
    that(std::fabs(now.best - error) < 2, "%s: validated %.2f dB, is %.2f", name_of(kind), now.best, error);
    that(now.validated.size() == 8 && now.validated[7] < now.validated[0], "%s: by layer", name_of(kind));
  }
  // Unsupervised: the LASSO's objective falls, and lies above what no codes can beat.
  ListaOptions options = options_of(ListaWeights::layers);
  options.lambda = 0.05;
  options.planned = 150;
  const auto learner = make(options, &prior, dictionary);
  run(*learner, options.validate_every);
  const double first = learner->statistics().validated.back();
  while (!learner->finished()) run(*learner, 1, 2);
  const double last = learner->statistics().best;
  that(last < first && last > 0, "the objective falls from %.4f to %.4f", first, last);
}

}  // namespace

int main() {
  recovers();
  return check::finish();
}
