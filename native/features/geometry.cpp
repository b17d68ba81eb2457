#include "geometry.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../kernels/dots/dots.hpp"

namespace unsuperpose {

Status make_cosines(std::shared_ptr<const Dictionary> dictionary, const Execution& execution,
                    std::unique_ptr<FeaturePairs>& out) {
  std::vector<double> scale(dictionary->features());
  for (std::size_t j = 0; j < scale.size(); ++j)
    scale[j] = dictionary->norm(j) > 0 ? 1 / dictionary->norm(j) : 0;
  auto side = std::make_shared<PairSide>();
  const Status status =
      PairSide::make(std::move(dictionary), {}, scale.data(), "dictionary", execution, *side);
  if (status.ok()) out = std::make_unique<FeaturePairs>(std::move(side));
  return status;
}

Status coherence(const std::shared_ptr<const Dictionary>& dictionary, const Execution& execution,
                 Coherence& out) {
  std::unique_ptr<FeaturePairs> cosines;
  std::vector<Pair> strongest;
  Status status = make_cosines(dictionary, execution, cosines);
  if (status.ok()) status = cosines->strongest(1, execution, strongest);
  if (!status.ok()) return status;
  out.error = cosines->error();
  if (strongest.empty()) return {};
  out.value = std::fabs(strongest[0].value);
  out.first = std::min(strongest[0].from, strongest[0].to);
  out.second = std::max(strongest[0].from, strongest[0].to);
  return {};
}

Status babel(const std::shared_ptr<const Dictionary>& dictionary, std::size_t most,
             const Execution& execution, Babel& out) {
  std::unique_ptr<FeaturePairs> cosines;
  Status status = make_cosines(dictionary, execution, cosines);
  if (!status.ok()) return status;
  out.error = cosines->error();
  out.sums.assign(most, 0);
  out.features.assign(most, 0);
  const auto add = [&](std::uint32_t j, std::span<const PairFound> strongest) {
    double sum = 0;
    for (std::size_t m = 0; m < most; ++m) {
      if (m < strongest.size()) sum += std::fabs(strongest[m].value);
      if (sum > out.sums[m]) {
        out.sums[m] = sum;
        out.features[m] = j;
      }
    }
  };
  return cosines->for_each_strongest(false, most, execution, add);
}

Status clusters(const std::shared_ptr<const Dictionary>& dictionary, double threshold,
                const Execution& execution, std::vector<std::uint32_t>& labels, std::size_t& count) {
  std::unique_ptr<FeaturePairs> cosines;
  Status status = make_cosines(dictionary, execution, cosines);
  if (!status.ok()) return status;
  // Union by the lower index, with path halving: roots are the lowest members.
  std::vector<std::uint32_t> parent(dictionary->features());
  std::iota(parent.begin(), parent.end(), 0u);
  const auto root = [&](std::uint32_t j) {
    while (parent[j] != j) j = parent[j] = parent[parent[j]];
    return j;
  };
  status =
      cosines->for_each_above(std::nextafter(threshold, 0.0), execution, [&](std::span<const Pair> pairs) {
        for (const Pair& pair : pairs) {
          const std::uint32_t a = root(pair.from), b = root(pair.to);
          parent[std::max(a, b)] = std::min(a, b);
        }
        return true;
      });
  if (!status.ok()) return status;
  labels.resize(parent.size());
  count = 0;
  for (std::uint32_t j = 0; j < parent.size(); ++j)
    labels[j] = parent[j] == j ? static_cast<std::uint32_t>(count++) : labels[root(j)];
  return {};
}

Status feature_dimensionality(const Dictionary& dictionary, const Execution& execution,
                              std::vector<double>& out) {
  constexpr std::size_t kBlock = 16;
  /// Features whose columns are in the cache together: 2 MiB at 512 dims.
  constexpr std::size_t kTogether = 1024;
  const std::size_t features = dictionary.features(), dims = dictionary.dims();
  const auto& dots = dots::table();
  const auto over = [&](std::size_t total, auto&& each) {
    execution.for_each((total + kBlock - 1) / kBlock, [&](std::size_t block) {
      std::vector<double> scratch(2 * dims);
      for (std::size_t i = block * kBlock; i < std::min(total, (block + 1) * kBlock); ++i) each(i, scratch);
    });
  };
  // The upper half of M = WᵀW, as products of columns.
  std::vector<double> moment(dims * dims, 0);
  AlignedBuffer<float> columns(dims * kTogether);
  std::vector<const float*> rows(dims);
  for (std::size_t d = 0; d < dims; ++d) rows[d] = columns.data() + d * kTogether;
  for (std::size_t first = 0; first < features; first += kTogether) {
    if (execution.cancelled()) return Status::cancelled();
    const std::size_t count = std::min(kTogether, features - first);
    for (std::size_t j = 0; j < count; ++j)
      for (std::size_t d = 0; d < dims; ++d) columns[d * kTogether + j] = dictionary.atom(first + j)[d];
    over(dims, [&](std::size_t d, std::vector<double>& products) {
      dots.correlate(rows.data() + d, dims - d, rows[d], count, products.data());
      for (std::size_t e = d; e < dims; ++e) moment[d * dims + e] += products[e - d];
    });
  }
  if (execution.cancelled()) return Status::cancelled();
  // As the sum of two float32 matrices, scaled so that squares of large norms do not overflow there.
  const double unit = dictionary.max_norm() > 0 ? 1 / (dictionary.max_norm() * dictionary.max_norm()) : 1;
  AlignedBuffer<float> high(dims * dims), low(dims * dims);
  std::vector<const float*> high_rows(dims), low_rows(dims);
  for (std::size_t d = 0; d < dims; ++d) {
    for (std::size_t e = 0; e < dims; ++e) {
      const double value = moment[std::min(d, e) * dims + std::max(d, e)] * unit;
      high[d * dims + e] = static_cast<float>(value);
      low[d * dims + e] = static_cast<float>(value - static_cast<double>(high[d * dims + e]));
    }
    high_rows[d] = high.data() + d * dims;
    low_rows[d] = low.data() + d * dims;
  }
  out.assign(features, 0);
  execution.set_total(features);
  over(features, [&](std::size_t j, std::vector<double>& scratch) {
    const double norm = dictionary.norm(j);
    if (norm > 0) {
      const float* w = dictionary.atom(j);
      dots.correlate(high_rows.data(), dims, w, dims, scratch.data());
      dots.correlate(low_rows.data(), dims, w, dims, scratch.data() + dims);
      double form = 0;  // wᵀMw/‖w‖²
      for (std::size_t d = 0; d < dims; ++d)
        form += static_cast<double>(w[d]) / norm * ((scratch[d] + scratch[dims + d]) / norm);
      out[j] = norm * norm * unit / form;
    }
    execution.advance(1);
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
