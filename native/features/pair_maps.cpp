#include "pair_maps.hpp"

#include <utility>

namespace unsuperpose {

namespace {

AlignedBuffer<float> transposed(ConstMatrix32 m) {
  AlignedBuffer<float> out(m.rows * m.cols);
  for (std::size_t i = 0; i < m.rows; ++i)
    for (std::size_t j = 0; j < m.cols; ++j) out[j * m.rows + i] = m.row(i)[j];
  return out;
}

}  // namespace

Status make_pairs(std::shared_ptr<const Dictionary> from, const MatrixChain& chain,
                  std::shared_ptr<const Dictionary> to, const double* from_scale, const double* to_scale,
                  const Execution& execution, std::unique_ptr<FeaturePairs>& out) {
  // width[c] is the dims of a cut before matrix c; all matrices before it are applied to the `to` features.
  const std::size_t k = chain.size();
  std::vector<std::size_t> width{to->dims()};
  for (const ConstMatrix32& m : chain) width.push_back(m.cols);
  const auto cost = [&](std::size_t cut) {
    double sum = 0;
    for (std::size_t c = 0; c < k; ++c)
      sum += static_cast<double>(c < cut ? to->features() : from->features()) *
             static_cast<double>(width[c]) * static_cast<double>(width[c + 1]);
    return sum;
  };
  std::size_t cut = 0;
  for (std::size_t c = 1; c <= k; ++c)
    if (width[c] < width[cut] || (width[c] == width[cut] && cost(c) < cost(cut))) cut = c;

  std::vector<AlignedBuffer<float>> owned;
  MatrixChain to_maps, from_maps;
  for (std::size_t c = 0; c < cut; ++c) {
    owned.push_back(transposed(chain[c]));
    to_maps.push_back({owned.back().data(), chain[c].cols, chain[c].rows});
  }
  for (std::size_t c = k; c > cut; --c) from_maps.push_back(chain[c - 1]);
  auto from_side = std::make_shared<PairSide>(), to_side = std::make_shared<PairSide>();
  Status status = PairSide::make(std::move(from), from_maps, from_scale, "from", execution, *from_side);
  if (status.ok()) status = PairSide::make(std::move(to), to_maps, to_scale, "to", execution, *to_side);
  if (status.ok()) out = std::make_unique<FeaturePairs>(std::move(from_side), std::move(to_side));
  return status;
}

}  // namespace unsuperpose
