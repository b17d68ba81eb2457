// Where atoms start: at samples, in order, or drawn far from one another, as k-means++ does (Arthur & Vassilvitskii 2007, "k-means++: the
// advantages of careful seeding") with what one direction leaves of another in the place of the distance: of unit samples x, each is drawn
// with probability proportional to
//   1 − max over the atoms so far of ⟨x, d⟩²    (nonnegative: of max(0, ⟨x, d⟩)²)
// the share of its energy that the best of them leaves. The first is drawn evenly.
#include <algorithm>
#include <cmath>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../core/random.hpp"
#include "../kernels/product/product.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "online_state.hpp"

namespace unsuperpose {

namespace {

/// Another sequence than the batches', whatever the seed.
constexpr std::uint64_t kStartStream = 0x8f1bbcdc2545f491ULL;

/// The first entry at which the running sum exceeds `at`; the last positive one if rounding leaves none.
std::size_t entry_at(const std::vector<double>& weights, double at) {
  double sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    sum += weights[i];
    if (sum > at) break;
  }
  return last;
}

}  // namespace

/// Atoms from these samples, other than zero, until there are enough or nothing is left of any sample.
void OnlineLearner::State::draw_apart(ConstMatrix32 samples, const Execution& execution) {
  const auto& reduce = reduce::table();
  std::vector<std::uint32_t> directed;
  for (std::uint32_t i = 0; i < samples.rows; ++i)
    if (reduce.squared_norm(samples.row(i), dims) > 0) directed.push_back(i);
  if (directed.empty()) return;
  AlignedBuffer<float> data(directed.size() * stride);
  const Matrix32 unit{data.data(), directed.size(), dims, stride};
  execution.for_items(directed.size(), 64, [&](std::size_t i) {
    const float* from = samples.row(directed[i]);
    const double norm = std::sqrt(reduce.squared_norm(from, dims));
    for (std::size_t k = 0; k < dims; ++k) unit.row(i)[k] = static_cast<float>(from[k] / norm);
  });
  const product::PackedRows packed(unit);
  // What is no more than rounding: of the cosine, twice over in its square, and of two norms.
  const double rounding = 4 * product::error_bound(dims);
  std::vector<double> left(directed.size(), 1);
  std::vector<float> cosines(directed.size());
  Random random(options.seed ^ kStartStream);
  while (atoms.features() < options.features) {
    cancellation::point();
    double total = 0;
    for (const double share : left) total += share;
    if (!(total > 0)) return;
    const std::size_t drawn = entry_at(left, random.uniform() * total);
    add_atom(samples.row(directed[drawn]));
    product::store({unit.slice(drawn, 1)}, packed, {cosines.data(), 1, cosines.size()}, execution);
    if (execution.cancelled()) return;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const double cosine =
          options.coding.nonnegative ? std::max(0.0f, cosines[i]) : static_cast<double>(cosines[i]);
      const double share = 1 - cosine * cosine;
      left[i] = std::min(left[i], share > rounding ? share : 0);
    }
    left[drawn] = 0;
  }
}

/// Atoms that have no start yet take samples: at the very beginning far from one another, if that was asked for, and in order; zero samples
/// are passed over.
void OnlineLearner::State::initialise(ConstMatrix32 batch, const Execution& execution) {
  if (draws()) {
    if (pool.empty()) draw_from(batch);
    draw_apart({pool.data(), pool.size() / dims, dims}, execution);
    pool = {};
  }
  for (std::size_t i = 0; i < batch.rows && atoms.features() < options.features; ++i)
    if (reduce::table().squared_norm(batch.row(i), dims) > 0) add_atom(batch.row(i));
}

}  // namespace unsuperpose
