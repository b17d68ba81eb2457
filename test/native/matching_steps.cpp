// The steps of matching pursuits: however atoms are scored, on any number of threads, they are bit for bit those of a plain loop over all
// atoms that rounds where the header says so. Prints one line; exits 1 if not.
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "../../native/kernels/dots/dots.hpp"
#include "../../native/kernels/reduce/reduce.hpp"
#include "../../native/kernels/sparse_rows/sparse_rows.hpp"
#include "../../native/solvers/matching_steps.hpp"
#include "check.hpp"

using namespace unsuperpose;

namespace {

constexpr std::size_t kSamples = 41;

struct Problem {
  std::size_t dims, features;
  check::Kind kind;
  double atoms = 1, samples = 1;  // sizes
  bool twins = false;             // every atom twice
  bool exact = false;             // samples are sums of three atoms
};

struct Made {
  std::shared_ptr<const Dictionary> dictionary;
  std::vector<float> samples;
};

Made make(const Problem& problem) {
  const auto [dims, features, kind, size, sample_size, twins, exact] = problem;
  Random random(dims * 31 + features);
  std::vector<float> atoms(features * dims), samples(kSamples * dims, 0);
  for (std::size_t j = 0; j < features; ++j) {
    float* row = atoms.data() + j * dims;
    for (std::size_t d = 0; d < dims; ++d) row[d] = check::draw(random, kind);
    if (twins && j % 2 == 1) std::memcpy(row, row - dims, dims * sizeof(float));
    const double norm = std::sqrt(reduce::table().squared_norm(row, dims));
    if (!(twins && j % 2 == 1) && norm > 0)
      for (std::size_t d = 0; d < dims; ++d) row[d] = static_cast<float>(row[d] * size / norm);
  }
  for (std::size_t i = 1; i < kSamples; ++i) {  // the first is zero
    float* row = samples.data() + i * dims;
    for (std::size_t d = 0; d < dims && !exact; ++d)
      row[d] = static_cast<float>(sample_size) * check::draw(random, kind);
    for (int n = 0; n < 3 && exact; ++n)
      sparse_rows::table().axpy(static_cast<float>(sample_size), atoms.data() + random.below(features) * dims,
                                row, dims);
  }
  Made made{nullptr, std::move(samples)};
  check::that(Dictionary::make({atoms.data(), features, dims}, false, made.dictionary).ok(), "a dictionary");
  return made;
}

MatchingSteps plain(const Made& made, const MatchingOptions& options, std::vector<float>& residuals) {
  const Dictionary& dictionary = *made.dictionary;
  const std::size_t dims = dictionary.dims();
  const auto norm_of = [&](const float* row) { return std::sqrt(reduce::table().squared_norm(row, dims)); };
  residuals = made.samples;
  MatchingSteps steps;
  steps.indptr.push_back(0);
  for (std::size_t i = 0; i < kSamples; ++i) {
    float* row = residuals.data() + i * dims;
    const double norm = norm_of(row);
    std::vector<std::uint8_t> taken(dictionary.features(), 0);
    double left = norm;
    for (std::size_t step = 0; step < options.steps; ++step) {
      if (!(left >
            (step == 0 ? 0 : std::max(options.residual, static_cast<double>(step) * 0x1.0p-23 * norm))))
        break;
      double best = 0;
      std::uint32_t atom = 0;
      for (std::uint32_t j = 0; j < dictionary.features(); ++j) {
        const double product = dots::table().dot(dictionary.atom(j), row, dims);
        if (j == 0 || product > best) best = product, atom = j;
      }
      const auto value = static_cast<float>(best);
      if (!(value > 0)) break;
      steps.atoms.push_back(atom);
      steps.values.push_back(value);
      double square = 0;
      for (std::size_t d = 0; d < dims; ++d) {
        const double rest = static_cast<double>(row[d]) -
                            static_cast<double>(value) * static_cast<double>(dictionary.atom(atom)[d]);
        square += rest * rest;
        row[d] = static_cast<float>(rest);
      }
      left = std::sqrt(square);
      const bool repeats = taken[atom] != 0;
      taken[atom] = 1;
      if (repeats && options.stop_on_repeat) break;
    }
    steps.indptr.push_back(static_cast<std::uint32_t>(steps.atoms.size()));
  }
  return steps;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void compare(const Problem& problem, const MatchingOptions& options) {
  const Made made = make(problem);
  std::vector<float> expected;
  const MatchingSteps steps = plain(made, options, expected);
  for (const MatchingScores scores :
       {MatchingScores::products, MatchingScores::gram_rows, MatchingScores::cheapest})
    for (const unsigned threads : {1u, 3u}) {
      std::vector<float> left = made.samples;
      MatchingSteps got;
      const Status status = matching_steps({left.data(), kSamples, problem.dims}, *made.dictionary, options,
                                           Execution{threads}, got, scores);
      check::that(status.ok() && same(got.indptr, steps.indptr) && same(got.atoms, steps.atoms) &&
                      same(got.values, steps.values) && same(left, expected),
                  "%zu features of %zu dims, kind %d, sizes %g and %g, %zu steps: scores %d on %u threads: "
                  "%zu steps for %zu",
                  problem.features, problem.dims, static_cast<int>(problem.kind), problem.atoms,
                  problem.samples, options.steps, static_cast<int>(scores), threads, got.atoms.size(),
                  steps.atoms.size());
    }
}

}  // namespace

int main() {
  using check::Kind;
  for (const Kind kind : check::kKinds) {
    compare({24, 200, kind}, {.steps = 12});
    compare({128, 700, kind}, {.steps = 6});
  }
  compare({64, 1000, Kind::gaussian}, {.steps = 60});  // until little more than rounding is left
  compare({8, 30, Kind::gaussian}, {.steps = 400});
  compare({8, 30, Kind::gaussian}, {.steps = 400, .residual = 0.1});
  compare({8, 30, Kind::gaussian}, {.steps = 400, .stop_on_repeat = true});
  compare({40, 300, Kind::gaussian, 1, 1, true}, {.steps = 10});
  compare({40, 300, Kind::gaussian, 1, 1, false, true}, {.steps = 10});
  compare({40, 300, Kind::gaussian, 1, 1, true, true}, {.steps = 10});
  for (const double size : {0.5, 1.3}) compare({40, 300, Kind::gaussian, size}, {.steps = 10});
  for (const double size : {0x1.0p60, 0x1.0p-60, 0x1.0p-100, 1e-40})
    compare({40, 300, Kind::gaussian, 1, size}, {.steps = 8});
  compare({40, 300, Kind::gaussian, 1e-15, 1}, {.steps = 8});
  compare({1, 1, Kind::gaussian}, {.steps = 3});
  compare({5, 1, Kind::gaussian}, {.steps = 3});
  compare({16, 64, Kind::gaussian}, {.steps = 0});
  return check::finish();
}
