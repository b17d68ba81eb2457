// A batch's gradients, feature by feature, from what its entries say.
#include <algorithm>
#include <numeric>

#include "../core/cancellation.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "autoencoder_pass.hpp"

namespace unsuperpose::autoencoder {

namespace {
/// Features of one unit of work.
constexpr std::size_t kBlock = 16;
}  // namespace

/// Sorts entries by feature, then sample.
void Pass::by_feature(Entries& entries, std::size_t features) {
  const SparseCodes& codes = entries.codes;
  entries.start.assign(features + 1, 0);
  for (const std::uint32_t j : codes.indices) ++entries.start[j + 1];
  std::partial_sum(entries.start.begin(), entries.start.end(), entries.start.begin());
  entries.order.resize(codes.indices.size());
  entries.sample.resize(codes.indices.size());
  std::vector<std::uint32_t> next(entries.start.begin(), entries.start.end() - 1);
  for (std::uint32_t i = 0; i + 1 < codes.indptr.size(); ++i)
    for (std::uint32_t e = codes.indptr[i]; e < codes.indptr[i + 1]; ++e) {
      const std::uint32_t at = next[codes.indices[e]]++;
      entries.order[at] = e;
      entries.sample[at] = i;
    }
}

void Pass::gather(const Weights& weights, const Execution& execution, Gradients& gradients) {
  const std::size_t features = weights.encoder.features(), samples = input_.count;
  by_feature(active_, features);
  if (dead_.codes.indptr.empty()) dead_.codes.indptr.assign(samples + 1, 0);
  by_feature(dead_, features);
  used_.assign(features, 0);
  const auto mean = static_cast<float>(1.0 / static_cast<double>(samples));
  const bool gated = options_.architecture == Architecture::gated;
  const bool jumps = options_.architecture == Architecture::jump_relu;
  const auto& sparse = sparse_rows::table();
  const Rows zero(1, std::max(gradients.encoder.stride, gradients.decoder.stride));
  struct Scratch {
    std::vector<const float*> rows;
    std::vector<float> factors;
  };
  execution.for_items(
      features, kBlock, [] { return Scratch(); },
      [&](std::size_t j, Scratch& scratch) {
        const Rows& residuals = residuals_[group_of(j)];
        const std::uint32_t first = active_.start[j], end = active_.start[j + 1];
        const std::uint32_t dead_first = dead_.start[j], dead_end = dead_.start[j + 1];
        // The decoder's row: −Σ a·residual.
        scratch.rows.clear();
        scratch.factors.clear();
        for (std::uint32_t at = first; at < end; ++at) {
          const float a = active_.codes.values[active_.order[at]];
          if (!(a > 0)) continue;
          ++used_[j];
          scratch.rows.push_back(residuals.row(active_.sample[at]));
          scratch.factors.push_back(mean * a);
        }
        for (std::uint32_t at = dead_first; at < dead_end; ++at) {
          scratch.rows.push_back(dead_residual_.row(dead_.sample[at]));
          scratch.factors.push_back(mean * static_cast<float>(dead_share_) *
                                    dead_.codes.values[dead_.order[at]]);
        }
        sparse.residual32(zero.data.data(), scratch.rows.data(), scratch.factors.data(), scratch.rows.size(),
                          gradients.decoder.stride, gradients.decoder.row(j));
        // The encoder's row and bias: Σ dL/dh·[x', 1].
        scratch.rows.clear();
        scratch.factors.clear();
        for (std::uint32_t at = first; at < end; ++at) {
          const float pull = active_.pull[active_.order[at]];
          if (pull == 0) continue;
          scratch.rows.push_back(input_.row(active_.sample[at]));
          scratch.factors.push_back(-mean * pull);
        }
        for (std::uint32_t at = dead_first; at < dead_end; ++at) {
          scratch.rows.push_back(input_.row(dead_.sample[at]));
          scratch.factors.push_back(-mean * dead_.pull[dead_.order[at]]);
        }
        float* row = gradients.encoder.row(j);
        sparse.residual32(zero.data.data(), scratch.rows.data(), scratch.factors.data(), scratch.rows.size(),
                          gradients.encoder.stride, row);
        if (jumps) row[weights.inputs + 1] = 0;  // that entry only selects
        if (!gated && !jumps) return;
        float by_threshold = 0, by_scale = 0;
        for (std::uint32_t at = first; at < end; ++at) {
          by_threshold += mean * active_.by_threshold[active_.order[at]];
          if (gated) by_scale += mean * active_.by_scale[active_.order[at]];
        }
        if (jumps) {
          gradients.threshold.data[j] = by_threshold;
          return;
        }
        gradients.magnitude_bias.data[j] = by_threshold;
        gradients.log_scale.data[j] = by_scale;
      });
  gather_bias(weights, gradients);
  // b_j of a gated feature is no part of w_j·x', which the magnitude is made of.
  if (gated)
    for (std::size_t j = 0; j < features; ++j)
      gradients.encoder.row(j)[weights.inputs] -=
          expf(weights.log_scale.data[j]) * gradients.magnitude_bias.data[j];
}

/// b_dec: minus the mean residual, and what it takes from the input.
void Pass::gather_bias(const Weights& weights, Gradients& gradients) {
  const auto& sparse = sparse_rows::table();
  const std::size_t outputs = weights.decoder.cols, samples = input_.count;
  float* bias = gradients.decoder_bias.data.data();
  std::fill_n(bias, outputs, 0.0f);
  const auto mean = static_cast<float>(1.0 / static_cast<double>(samples));
  for (std::size_t i = 0; i < samples; ++i) sparse.axpy(-mean, residuals_[0].row(i), bias, outputs);
  if (!options_.subtract_bias) return;
  const ConstMatrix32 encoder = weights.encoder.atoms();
  cancellation::Points<64> points;
  for (std::size_t j = 0; j < encoder.rows; ++j) {
    points.pass();
    // dL/d(w_j·x'), summed over the samples, stands where the constant 1 does.
    sparse.axpy(-gradients.encoder.row(j)[weights.inputs], encoder.row(j), bias, outputs);
  }
}

}  // namespace unsuperpose::autoencoder
