// Gradients of an unrolled network's matrices, feature by feature, from what a batch's entries say.
#include <algorithm>
#include <numeric>
#include <utility>

#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "lista_backward.hpp"

namespace unsuperpose::lista {

namespace {
/// Features of one unit of work, and bytes of samples that they go through together: both stay in the first-level cache.
constexpr std::size_t kFeatures = 16, kBytes = 1 << 15;
}  // namespace

/// Entries of all layers by feature, and room for what goes back.
void Pass::lay_out(const Call& call, const Part& part) {
  const std::size_t features = call.network.at.features;
  const bool pair = call.network.at.weights == ListaWeights::pair;
  offset_.resize(call.depth);
  std::size_t most = 0;
  for (std::size_t k = 0; k < call.depth; ++k) {
    offset_[k].assign(call.blocks + 1, 0);
    for (std::size_t b = 0; b < call.blocks; ++b)
      offset_[k][b + 1] = offset_[k][b] + static_cast<std::uint32_t>(blocks_[b].trace.codes[k].index.size());
    most = std::max<std::size_t>(most, offset_[k].back());
  }
  for (auto& pull : pull_)
    if (pull.size() < most) pull.resize(most);
  if (!part.forward) return;
  if (sorted_.size() < call.depth) sorted_.resize(call.depth);
  const std::size_t first = pair && part.first > 0 ? part.first - 1 : part.first;
  call.execution.for_each(call.depth - first, [&](std::size_t at) {
    const std::size_t k = first + at;
    ByFeature& sorted = sorted_[k];
    sorted.start.assign(features + 1, 0);
    for (std::size_t b = 0; b < call.blocks; ++b)
      for (const std::uint32_t j : blocks_[b].trace.codes[k].index) ++sorted.start[j + 1];
    std::partial_sum(sorted.start.begin(), sorted.start.end(), sorted.start.begin());
    sorted.entries.resize(sorted.start.back());
    std::vector<std::uint32_t> next(sorted.start.begin(), sorted.start.end() - 1);
    for (std::size_t b = 0; b < call.blocks; ++b) {
      const Codes& codes = blocks_[b].trace.codes[k];
      for (std::size_t i = 0; i + 1 < codes.begin.size(); ++i)
        for (std::uint32_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e)
          sorted.entries[next[codes.index[e]]++] = {offset_[k][b] + e,
                                                    static_cast<std::uint32_t>(b * call.block + i)};
    }
  });
}

/// to_j (0 at first where fresh) += Σ factor·row over feature j's entries, in ascending order of samples; term(entry) answers both. In blocks
/// of samples whose rows stay in the first-level cache from one feature to the next.
template <class Term>
void Pass::add_up(const Call& call, const ByFeature& sorted, const Rows& to, bool fresh, const Term& term) {
  const std::size_t features = call.network.at.features, samples = call.samples.x.count;
  const std::size_t together = std::max<std::size_t>(8, kBytes / (to.stride * sizeof(float)));
  call.execution.for_each((features + kFeatures - 1) / kFeatures, [&](std::size_t block) {
    const std::size_t first = block * kFeatures, end = std::min(features, first + kFeatures);
    std::vector<std::uint32_t> next(sorted.start.begin() + static_cast<std::ptrdiff_t>(first),
                                    sorted.start.begin() + static_cast<std::ptrdiff_t>(end));
    std::vector<const float*> rows;
    std::vector<float> factors;
    for (std::size_t j = first; j < end && fresh; ++j) std::fill_n(to.row(j), to.stride, 0.0f);
    for (std::size_t until = together; until < samples + together; until += together)
      for (std::size_t j = first; j < end; ++j) {
        std::uint32_t& at = next[j - first];
        rows.clear();
        factors.clear();
        for (; at < sorted.start[j + 1] && sorted.entries[at].sample < until; ++at) {
          const auto [row, factor] = term(sorted.entries[at]);
          rows.push_back(row);
          factors.push_back(-factor);
        }
        if (!rows.empty())
          sparse_rows::table().residual32(to.row(j), rows.data(), factors.data(), rows.size(), to.stride,
                                          to.row(j));
      }
  });
}

/// ∂W_k, or ∂V_k; of shared weights added to what the layers after have come to.
void Pass::gather(const Call& call, std::size_t layer, Tensors& gradients) {
  const bool pair = call.network.at.weights == ListaWeights::pair;
  const Rows& again = layer > 0 && layer <= kept_count_ ? kept_[layer - 1] : again_[layer % 2];
  const Rows& inputs = pair || layer == 0 ? call.samples.x : again;
  const Rows& to = gradients.weights(layer);
  const float* pull = pull_[layer % 2].data();
  const float step = pair ? 1 : call.network.at.step[layer];
  const bool fresh = gradients.forward.size() > 1 || layer + 1 == call.depth;
  add_up(call, sorted_[layer], to, fresh, [&](const ByFeature::Entry& entry) {
    return std::pair<const float*, float>(inputs.row(entry.sample), step * pull[entry.at]);
  });
}

/// ∂U_k, row after row: of the codes before it.
void Pass::gather_recurrent(const Call& call, std::size_t layer, Tensors& gradients) {
  add_up(call, sorted_[layer - 1], gradients.recurrent[layer], true, [&](const ByFeature::Entry& entry) {
    const std::size_t b = entry.sample / call.block;
    const float code = blocks_[b].trace.codes[layer - 1].value[entry.at - offset_[layer - 1][b]];
    return std::pair<const float*, float>(delta_.row(entry.sample), code);
  });
}

}  // namespace unsuperpose::lista
