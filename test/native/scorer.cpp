// The scoring engine against plain float64: on ordinary and on nasty rows, vectors and weights, in every precision of the level, no
// strength is off by more than the error that comes with it, and no row that should be listed is missing.
#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "../../native/core/random.hpp"
#include "../../native/scoring/dictionary.hpp"
#include "../../native/scoring/exact.hpp"
#include "../../native/scoring/vectors.hpp"
#include "check.hpp"

using namespace unsuperpose;
using scoring::Ladder;
using scoring::Request;
using scoring::Scored;
using scoring::Scorer;

namespace {

enum class Kind { gaussian, heavy, sizes, ties, zeros, small };
constexpr Kind kKinds[] = {Kind::gaussian, Kind::heavy, Kind::sizes, Kind::ties, Kind::zeros, Kind::small};

std::vector<float> entries(Random& random, Kind kind, std::size_t rows, std::size_t dims) {
  std::vector<float> values(rows * dims);
  for (std::size_t at = 0; at < values.size(); ++at) {
    const std::size_t row = at / dims;
    double value = random.normal();
    if (kind == Kind::heavy && at % 53 == 0) value *= 1e4;
    if (kind == Kind::sizes) value = std::ldexp(value, static_cast<int>(row * 7 % 40) - 20);
    if (kind == Kind::ties) value = static_cast<double>(random.below(3)) - 1;
    if (kind == Kind::zeros && row % 3 == 0) value = 0;
    if (kind == Kind::small) value *= 1e-12;
    values[at] = static_cast<float>(value);
  }
  return values;
}

struct Problem {
  std::shared_ptr<const Dictionary> dictionary;
  std::vector<float> vectors, weights;
  std::size_t count, dims;
  bool nonnegative;

  ConstMatrix32 rows() const { return {vectors.data(), count, dims}; }
  double weight(std::size_t j) const { return weights.empty() ? 1 : static_cast<double>(weights[j]); }
  /// Σ of exact products in float64: its own rounding is below a 2⁻²⁰th of the engine's smallest bound.
  double exact(std::size_t i, std::size_t j) const {
    double sum = 0;
    for (std::size_t k = 0; k < dims; ++k)
      sum += static_cast<double>(vectors[i * dims + k]) * static_cast<double>(dictionary->atom(j)[k]);
    return (nonnegative ? sum : std::fabs(sum)) / weight(j);
  }
  double norm(std::size_t i) const {
    double sum = 0;
    for (std::size_t k = 0; k < dims; ++k)
      sum += static_cast<double>(vectors[i * dims + k]) * static_cast<double>(vectors[i * dims + k]);
    return std::sqrt(sum) * (1 + 1e-12);
  }
  std::vector<Request> requests() const {
    std::vector<Request> made(count);
    for (std::size_t i = 0; i < count; ++i) made[i] = {.row = static_cast<std::uint32_t>(i), .norm = norm(i)};
    return made;
  }
};

/// Every listed strength within the error, and every other at most `unlisted`.
void check_found(const char* what, const Problem& problem, const Scorer& scorer, std::size_t i,
                 const Scored& scored) {
  const std::size_t features = problem.dictionary->features();
  std::vector<std::uint8_t> listed(features, 0);
  for (std::size_t e = 0; e < scored.count; ++e) {
    const product::Entry& entry = scored.entries[e];
    listed[entry.index] = 1;
    const double off = std::fabs(scorer.strength(entry) - problem.exact(i, entry.index));
    check::that(off <= scored.error, "%s: strength of vector %zu, row %u is off by %g, error %g", what, i,
                entry.index, off, scored.error);
  }
  for (std::size_t j = 0; j < features; ++j)
    if (!listed[j])
      check::that(problem.exact(i, j) <= scored.unlisted,
                  "%s: vector %zu, row %zu is not listed: %.17g > %.17g", what, i, j, problem.exact(i, j),
                  scored.unlisted);
}

void check_problem(const Problem& problem) {
  const Execution execution;
  const std::size_t features = problem.dictionary->features();
  std::vector<double> largest(problem.count, 0);
  for (std::size_t i = 0; i < problem.count; ++i)
    for (std::size_t j = 0; j < features; ++j) largest[i] = std::max(largest[i], problem.exact(i, j));

  for (const Ladder ladder : {Ladder::float32, Ladder::useful, Ladder::every, Ladder::finest, Ladder::both}) {
    Scorer scorer(problem.dictionary->rows(), problem.weights, problem.nonnegative, ladder);
    check::that(scorer.precision(scorer.last_rung()) == product::Precision::float32,
                "the last rung is not float32");
    for (const double share : {0.0, 0.3, 0.9, 1.0}) {
      std::vector<Request> requests = problem.requests();
      for (std::size_t i = 0; i < problem.count; ++i) requests[i].threshold = share * largest[i];
      for (const std::size_t capacity : {std::size_t{1}, std::size_t{7}, features}) {
        for (Request& request : requests) request.rung = 0;
        scorer.score(problem.rows(), requests, capacity, execution);
        for (std::size_t i = 0; i < problem.count; ++i) {
          check_found("score", problem, scorer, i, scorer[i]);
          check::that(scorer[i].count <= std::min(capacity, features), "score lists more than its capacity");
        }
      }
      for (Request& request : requests) request.rung = 0;
      scorer.above(problem.rows(), requests, execution);
      for (std::size_t i = 0; i < problem.count; ++i) {
        if (scorer[i].undecided) {
          check::that(requests[i].rung == scorer.rungs() && scorer[i].count == 0,
                      "above: undecided, yet listed");
          continue;
        }
        check_found("above", problem, scorer, i, scorer[i]);
        // With room for all, nothing above the threshold may be missing.
        std::size_t over = 0, found = 0;
        for (std::size_t j = 0; j < features; ++j) over += problem.exact(i, j) > requests[i].threshold;
        for (std::size_t e = 0; e < scorer[i].count; ++e)
          found += problem.exact(i, scorer[i].entries[e].index) > requests[i].threshold;
        check::that(over == found, "above: %zu of %zu rows over the threshold are listed", found, over);
      }
    }
    std::vector<float> scores(problem.count * features);
    for (std::size_t rung = 0; rung < scorer.rungs(); ++rung) {
      std::vector<Request> requests = problem.requests();
      for (const std::size_t capacity : {std::size_t{3}, features}) {
        scorer.list(rung, problem.rows(), requests, capacity, execution);
        for (std::size_t i = 0; i < problem.count; ++i) {
          check_found("list", problem, scorer, i, scorer[i]);
          const scoring::Strongest strongest = scoring::strongest_exactly(
              scorer, scorer[i], features, 0, [&](std::uint32_t j) { return problem.exact(i, j); },
              [](std::uint32_t) { return true; });
          check::that(strongest.value == largest[i], "strongest_exactly: %.17g, expected %.17g",
                      strongest.value, largest[i]);
          const scoring::Contenders open = scoring::contenders(scorer, scorer[i], features, 2);
          if (!open.decided || features < 2) continue;
          // The two strongest are among the contenders.
          std::vector<double> all(features), kept;
          for (std::size_t j = 0; j < features; ++j) all[j] = problem.exact(i, j);
          for (std::size_t e = 0; e < open.count; ++e) kept.push_back(all[scorer[i].entries[e].index]);
          std::sort(all.rbegin(), all.rend());
          std::sort(kept.rbegin(), kept.rend());
          check::that(kept.size() >= 2 && kept[0] == all[0] && kept[1] == all[1],
                      "contenders lack one of the strongest");
        }
      }
      scorer.every(rung, problem.rows(), requests, {scores.data(), problem.count, features}, execution);
      for (std::size_t i = 0; i < problem.count; ++i)
        for (std::size_t j = 0; j < features; ++j) {
          const double off =
              std::fabs(scorer.strength(scores[i * features + j], problem.weight(j)) - problem.exact(i, j));
          check::that(off <= scorer[i].error, "every: off by %g, error %g", off, scorer[i].error);
        }
    }
  }
}

/// float64 vectors of any size, rounded at a scale of their own.
void check_scaled(Random& random) {
  const std::size_t dims = 37, features = 90;
  const std::vector<float> atoms = entries(random, Kind::gaussian, features, dims);
  std::shared_ptr<const Dictionary> dictionary;
  check::that(Dictionary::make({atoms.data(), features, dims}, false, dictionary).ok(), "no dictionary");
  const std::vector<float> no_weights;
  Scorer scorer(dictionary->rows(), no_weights, false, Ladder::float32);
  for (const double size : {1e-200, 1e-30, 1.0, 1e30, 1e200}) {
    std::vector<double> v(dims);
    double square = 0;
    for (double& value : v) {
      value = random.normal();
      square += value * value;
    }
    scoring::ScaledVectors scaled;
    scaled.resize(1, dims);
    std::vector<double> sized(dims);
    for (std::size_t k = 0; k < dims; ++k) sized[k] = v[k] * size;
    scaled.set(0, sized.data());
    Request request{.row = 0,
                    .norm = std::ldexp(std::sqrt(square) * size, -scaled.exponent(0)),
                    .hidden = scaled.hidden()};
    scorer.list(0, scaled.rows(), {&request, 1}, 5, Execution{});
    const auto value = [&](std::uint32_t j) {
      double sum = 0;
      for (std::size_t k = 0; k < dims; ++k) sum += sized[k] * static_cast<double>(atoms[j * dims + k]);
      return std::fabs(sum);
    };
    double largest = 0;
    for (std::uint32_t j = 0; j < features; ++j) largest = std::max(largest, value(j));
    const scoring::Strongest strongest = scoring::strongest_exactly(
        scorer, scorer[0], features, scaled.exponent(0), value, [](std::uint32_t) { return true; });
    check::that(strongest.value == largest, "a vector of size %g: %g, expected %g", size, strongest.value,
                largest);
    for (std::uint32_t j = 0; j < features; ++j) {
      bool listed = false;
      for (std::size_t e = 0; e < scorer[0].count; ++e) listed = listed || scorer[0].entries[e].index == j;
      if (!listed)
        check::that(value(j) <= std::ldexp(scorer[0].unlisted, scaled.exponent(0)),
                    "a scaled vector lacks row %u", j);
    }
  }
}

}  // namespace

/// Where the level has a cheap precision of 16 bits, the ladders that start there have it, whatever else the processor could do.
void check_sixteen_bits(Random& random) {
  constexpr std::size_t kDims = 96, kFeatures = 40;
  const std::vector<float> atoms = entries(random, kKinds[0], kFeatures, kDims);
  std::shared_ptr<const Dictionary> dictionary;
  check::that(Dictionary::make({atoms.data(), kFeatures, kDims}, false, dictionary).ok(), "no dictionary");
  const std::vector<float> no_weights;
  const bool int16 = product::rounded_kernels(product::Precision::int16, kDims) != nullptr;
  for (const Ladder ladder : {Ladder::finest, Ladder::both}) {
    const Scorer scorer(dictionary->rows(), no_weights, false, ladder);
    check::that(!int16 || scorer.rungs() >= 2, "%s: %zu rungs", isa_name(active_isa()), scorer.rungs());
    check::that(scorer.precision(0) != product::Precision::int8, "%s: starts with bytes",
                isa_name(active_isa()));
  }
}

int main() {
  Random random(11);
  check_sixteen_bits(random);
  for (const std::size_t dims : {1, 5, 37, 130})
    for (const std::size_t features : {1, 17, 150})
      for (const Kind kind : kKinds)
        for (const int form : {0, 1, 2, 3}) {
          Problem problem;
          problem.count = 9;
          problem.dims = dims;
          problem.nonnegative = form % 2 == 1;
          const std::vector<float> atoms = entries(random, kind, features, dims);
          check::that(Dictionary::make({atoms.data(), features, dims}, false, problem.dictionary).ok(),
                      "no dictionary");
          problem.vectors = entries(random, kKinds[(static_cast<std::size_t>(form) + 1) % std::size(kKinds)],
                                    problem.count, dims);
          if (form >= 2)
            for (std::size_t j = 0; j < features; ++j)
              problem.weights.push_back(std::ldexp(1.0f + static_cast<float>(random.uniform()),
                                                   static_cast<int>(random.below(20)) - 10));
          check_problem(problem);
        }
  check_scaled(random);
  return check::finish();
}
