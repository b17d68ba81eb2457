// The three numbers of a HyperLISTA (lista.hpp): by grid (Chen et al. 2021), then a pattern search, a round a batch.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "lista_state.hpp"

namespace unsuperpose {

namespace {

/// The published grid; where the best is on its edge, another ten times as far on that side.
constexpr std::size_t kPoints[] = {11, 11, 21};
constexpr double kLow[] = {1e-3, 1e-3, 0.1}, kHigh[] = {1e-2, 1e-2, 1};
constexpr int kMoves = 6;
/// All of the grid on some samples, the best of it on all.
constexpr std::size_t kSome = 64, kBest = 64;
/// The pattern search's first reach and its last, in powers of two.
constexpr double kFirstReach = 0.25, kLastReach = 0x1.0p-6;

using Numbers = std::vector<double>;

struct Candidate {
  double error;
  std::size_t at;
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
  const auto error_of = [&](const lista::Samples& samples, Numbers numbers) {
    network.at.hyper = std::move(numbers);
    if (status.ok()) status = pass.measure(network, objective, samples, options.layers, execution, outcome);
    const bool fine = status.ok() && outcome.overflow == samples.x.count;
    return fine ? outcome.errors.back() : std::numeric_limits<double>::infinity();
  };
  double factor[3] = {1, 1, 1};
  const auto point = [&](std::size_t at) {
    Numbers numbers(3);
    for (std::size_t c = 3; c-- > 0; at /= kPoints[c]) {
      const double share = static_cast<double>(at % kPoints[c]) / static_cast<double>(kPoints[c] - 1);
      numbers[c] = factor[c] * (kLow[c] + (kHigh[c] - kLow[c]) * share);
    }
    return numbers;
  };
  Numbers chosen;
  double least = std::numeric_limits<double>::infinity();
  for (int move = 0; move <= kMoves; ++move) {
    std::vector<Candidate> all(kPoints[0] * kPoints[1] * kPoints[2]);
    for (std::size_t at = 0; at < all.size(); ++at) {
      all[at] = {error_of(some, point(at)), at};
      if (!status.ok()) return status;
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Candidate& a, const Candidate& b) { return a.error < b.error; });
    std::size_t best_at = all.front().at;
    bool better = false;
    for (std::size_t i = 0; i < std::min(kBest, all.size()); ++i) {
      const double error = error_of(from, point(all[i].at));
      if (!status.ok()) return status;
      if (chosen.empty() || error < least) {
        least = error;
        chosen = point(all[i].at);
        best_at = all[i].at;
        better = true;
      }
    }
    if (!better) break;
    bool moved = false;
    for (std::size_t c = 3, at = best_at; c-- > 0; at /= kPoints[c]) {
      const std::size_t place = at % kPoints[c];
      if (place != 0 && place != kPoints[c] - 1) continue;
      factor[c] *= place == 0 ? 0.1 : 10;
      moved = true;
    }
    if (!moved) break;
  }
  network.at.hyper = chosen;
  reach = kFirstReach;
  return status;
}

/// One round on the step's batch: each number a little larger and smaller.
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
    for (const double side : {-1.0, 1.0}) {
      network.at.hyper = centre;
      network.at.hyper[c] *= static_cast<double>(exp2f(static_cast<float>(side * reach)));
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
