// The three numbers of a HyperLISTA (lista.hpp): by grid (Chen et al. 2021), then a pattern search, a round a batch.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "lista_state.hpp"

namespace unsuperpose {

namespace {

/// The published grid, with c₂ = 0 (no momentum) besides; where the best is on an edge that is not 0, another ten times as far on that side.
constexpr std::size_t kPoints[] = {11, 11, 21};
constexpr double kLow[] = {1e-3, 0, 0.1}, kHigh[] = {1e-2, 1e-2, 1};
constexpr int kMoves = 6;
/// Every second point on some samples, then those around the best of them, and the best of all on all samples.
constexpr std::size_t kSome = 64, kAround = 8, kBest = 16;
/// The pattern search's first reach and its last, in powers of two; a number that is 0 becomes that share of this.
constexpr double kFirstReach = 0.25, kLastReach = 0x1.0p-6, kFromZero = 1e-3;

using Numbers = std::vector<double>;

struct Candidate {
  double error;
  std::size_t at[3];
  bool operator<(const Candidate& other) const { return error < other.error; }
  bool same(const Candidate& other) const { return std::equal(at, at + 3, other.at); }
};

}  // namespace

Status ListaLearner::State::search_grid(const lista::Samples& from, const Execution& execution) {
  const std::size_t rows = std::min(from.x.count, kSome);
  lista::Samples some;
  some.x = lista::Rows(rows, from.x.cols);
  std::copy_n(from.x.data.data(), rows * from.x.stride, some.x.data.data());
  some.truth = from.truth;
  lista::Outcome outcome;
  Status status;
  search = {};
  const auto error_of = [&](const lista::Samples& samples, Numbers numbers) {
    network.at.hyper = std::move(numbers);
    if (status.ok()) status = pass.measure(network, objective, samples, options.layers, execution, outcome);
    const bool fine = status.ok() && outcome.overflow == samples.x.count;
    return fine ? outcome.errors.back() : std::numeric_limits<double>::infinity();
  };
  double factor[3] = {1, 1, 1};
  const auto numbers_of = [&](const Candidate& one) {
    Numbers numbers(3);
    for (std::size_t c = 0; c < 3; ++c) {
      const double share = static_cast<double>(one.at[c]) / static_cast<double>(kPoints[c] - 1);
      numbers[c] = factor[c] * (kLow[c] + (kHigh[c] - kLow[c]) * share);
    }
    return numbers;
  };
  std::vector<Candidate> all;
  double least = std::numeric_limits<double>::infinity();
  const auto look = [&](std::size_t a, std::size_t b, std::size_t c) {
    Candidate one{0, {a, b, c}};
    for (const Candidate& seen : all)
      if (seen.same(one)) return;
    one.error = error_of(some, numbers_of(one));
    all.push_back(one);
    ++search.points;
    if (!(one.error < least)) return;
    least = one.error;
    search.errors = outcome.errors;
    search.base = outcome.base;
  };
  const auto tell = [&] {
    if (on_search && status.ok()) on_search();
  };
  for (int move = 0;; ++move) {
    all.clear();
    for (std::size_t a = 0; a < kPoints[0]; a += 2)
      for (std::size_t b = 0; b < kPoints[1]; b += 2) {
        for (std::size_t c = 0; c < kPoints[2]; c += 2) look(a, b, c);
        tell();
      }
    std::stable_sort(all.begin(), all.end());
    if (!status.ok() || move == kMoves) break;
    bool moved = false;
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t place = all.front().at[c];
      const bool lowest = place == 0 && kLow[c] > 0;
      if (!lowest && place != kPoints[c] - 1) continue;
      factor[c] *= lowest ? 0.1 : 10;
      moved = true;
    }
    if (!moved) break;
  }
  for (std::size_t i = 0; i < kAround && status.ok(); ++i) {
    const Candidate centre = all[i];
    for (std::size_t a = std::max<std::size_t>(centre.at[0], 1) - 1;
         a < std::min(centre.at[0] + 2, kPoints[0]); ++a)
      for (std::size_t b = std::max<std::size_t>(centre.at[1], 1) - 1;
           b < std::min(centre.at[1] + 2, kPoints[1]); ++b)
        for (std::size_t c = std::max<std::size_t>(centre.at[2], 1) - 1;
             c < std::min(centre.at[2] + 2, kPoints[2]); ++c)
          look(a, b, c);
    tell();
  }
  std::stable_sort(all.begin(), all.end());
  Numbers chosen;
  double smallest = 0;
  for (std::size_t i = 0; i < kBest && status.ok(); ++i) {
    const double error = error_of(from, numbers_of(all[i]));
    if (!chosen.empty() && !(error < smallest)) continue;
    smallest = error;
    chosen = numbers_of(all[i]);
  }
  if (!status.ok()) return status;
  network.at.hyper = chosen;
  reach = kFirstReach;
  search = {};
  return {};
}

/// One round on the step's batch: each number a little larger and smaller, and momentum away altogether.
Status ListaLearner::State::refine(const Execution& execution, lista::Outcome& outcome) {
  const auto look = [&](lista::Outcome& out) {
    return pass.measure(network, objective, batch, options.layers, execution, out);
  };
  const auto error_of = [&](const lista::Outcome& of) {
    return of.overflow == batch.x.count ? of.errors.back() : std::numeric_limits<double>::infinity();
  };
  if (Status status = look(outcome); !status.ok()) return status;
  const Numbers centre = network.at.hyper;
  Numbers best_numbers = centre;
  for (std::size_t c = 0; c < centre.size(); ++c)
    for (const double side : {-1.0, 1.0, -std::numeric_limits<double>::infinity()}) {
      const double from = centre[c],
                   to = from > 0 || side < 0
                            ? from * static_cast<double>(exp2f(static_cast<float>(side * reach)))
                            : kFromZero * reach;
      if (to == from || (to == 0 && kLow[c] > 0)) continue;
      network.at.hyper = centre;
      network.at.hyper[c] = to;
      lista::Outcome other;
      if (Status status = look(other); !status.ok()) return status;
      if (!(error_of(other) < error_of(outcome))) continue;
      outcome = other;
      best_numbers = network.at.hyper;
    }
  if (best_numbers == centre) reach = reach / 2 < kLastReach ? 0 : reach / 2;
  network.at.hyper = best_numbers;
  return {};
}

}  // namespace unsuperpose
