#include "toy_gradient.hpp"

#include <algorithm>
#include <cstring>

#include "../core/cancellation.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/shrink/shrink.hpp"

namespace unsuperpose {
namespace {

using panels::kPanel;

/// Panels whose derivatives wait for one product over all their samples, for one reduction of a long sum; half as many where x is
/// kept too, so that what a row of tiles reads stays in L1 (200 features in 20 dims: 40 KiB).
constexpr std::size_t kBlockPanels = 16, kDenseBlockPanels = 8;

}  // namespace

ToyGradient::ToyGradient(const ToyOptions& options, const std::vector<float>& importance, bool sparse)
    : kernels_(panels::table()),
      options_(options),
      importance_(importance),
      features_(options.features),
      dims_(options.dims),
      sparse_(sparse),
      block_(sparse ? kBlockPanels : kDenseBlockPanels),
      packed_(panels::packed_size(features_, dims_)),
      samples_(features_ * kPanel * (sparse ? 1 : block_)),
      derivative_(features_ * kPanel * block_),
      hidden_(dims_ * kPanel * block_),
      hidden_gradient_(dims_ * kPanel * (sparse ? 1 : block_)),
      rows_(AlignedBuffer<float>::zeros(kPanel * panels::row_stride(dims_))),
      bias_sums_(features_ * panels::kMostLanes),
      tiles_(panels::tiles_size(features_, dims_)),
      padded_gradient_(sparse ? features_ * panels::row_stride(dims_) : 0),
      gradient_(features_ * dims_),
      bias_gradient_(features_),
      weight_(features_),
      active_(features_),
      places_(sparse ? features_ * kPanel + kPanel : 0) {}

void ToyGradient::begin(const float* weights, const float* bias, std::size_t batch) {
  at_ = weights;
  bias_at_ = bias;
  batch_ = batch;
  used_ = 0;
  loss_ = 0;
  for (std::size_t i = 0; i < features_; ++i) weight_[i] = importance_[i] * (2 / static_cast<float>(batch));
  kernels_.pack(weights, features_, dims_, packed_.data());
  std::memset(bias_sums_.data(), 0, bias_sums_.bytes());
  if (sparse_) std::memset(padded_gradient_.data(), 0, padded_gradient_.bytes());
  std::memset(tiles_.data(), 0, tiles_.bytes());
  std::memset(gradient_.data(), 0, gradient_.bytes());
  std::memset(bias_gradient_.data(), 0, bias_gradient_.bytes());
}

void ToyGradient::add(std::size_t valid) {
  const float* x = this->x();
  float* hidden = hidden_.data() + used_ * dims_ * kPanel;
  float* derivative = derivative_.data() + used_ * features_ * kPanel;
  float* hidden_gradient = hidden_gradient_.data() + (sparse_ ? 0 : used_ * dims_ * kPanel);
  std::size_t places = 0;
  if (sparse_) {
    places = kernels_.places(active_.data(), features_, places_.data());
    kernels_.encode_places(at_, dims_, x, places_.data(), places, rows_.data(), hidden);
  } else {
    kernels_.encode(at_, features_, dims_, x, hidden);
  }
  const panels::Decoder decoder = {packed_.data(), bias_at_, weight_.data(), features_, dims_, options_.relu};
  // Places without a sample decode to their bias: as if that were their sample, they have no error.
  if (valid < kPanel) fill_places(valid, true);
  loss_ += kernels_.decode(decoder, x, hidden, derivative, bias_sums_.data());
  if (valid < kPanel) fill_places(valid, false);
  kernels_.encode(at_, features_, dims_, derivative, hidden_gradient);
  if (options_.activation_penalty > 0) {
    const float amount = static_cast<float>(options_.activation_penalty / static_cast<double>(batch_));
    loss_ += kernels_.add_signs(hidden, dims_, amount, hidden_gradient);
  }
  if (sparse_)
    kernels_.outer_places(x, places_.data(), places, hidden_gradient, dims_, rows_.data(),
                          padded_gradient_.data());
  if (++used_ == block_) flush();
}

void ToyGradient::fill_places(std::size_t valid, bool with_output) {
  float* row = x();
  for (std::size_t i = 0; i < features_; ++i, row += kPanel) {
    const float output = options_.relu ? std::max(bias_at_[i], 0.0f) : bias_at_[i];
    std::fill(row + valid, row + kPanel, with_output ? output : 0.0f);
  }
}

void ToyGradient::flush() {
  const panels::Pair pairs[] = {{derivative_.data(), hidden_.data()},
                                {samples_.data(), hidden_gradient_.data()}};
  if (used_ > 0) kernels_.outer(pairs, sparse_ ? 1 : 2, used_, features_, dims_, tiles_.data());
  used_ = 0;
}

/// β Σ_{i<j} t_ij², t_ij = soft(W_i·W_j, τ), adds 2β Σ_{i≠j} t_ij W_i to the gradient of W_j. A panel of features j at a time.
void ToyGradient::add_interference() {
  const auto allowed = static_cast<float>(options_.allowed_interference);
  const auto amount = static_cast<float>(2 * options_.interference_penalty);
  float* overlaps = derivative_.data();
  float* columns = hidden_.data();
  double squares = 0;
  for (std::size_t first = 0; first < features_; first += kPanel) {
    cancellation::point();
    const std::size_t width = std::min(kPanel, features_ - first);
    std::memset(columns, 0, dims_ * kPanel * sizeof(float));
    for (std::size_t k = 0; k < dims_; ++k)
      for (std::size_t j = 0; j < width; ++j) columns[k * kPanel + j] = at_[(first + j) * dims_ + k];
    kernels_.multiply(packed_.data(), features_, dims_, columns, overlaps);
    shrink::table().soft(overlaps, allowed, nullptr, false, overlaps, features_ * kPanel);
    for (std::size_t j = 0; j < width; ++j) overlaps[(first + j) * kPanel + j] = 0;
    squares += reduce::table().squared_norm(overlaps, features_ * kPanel);
    kernels_.encode(at_, features_, dims_, overlaps, columns);
    for (std::size_t j = 0; j < width; ++j)
      for (std::size_t k = 0; k < dims_; ++k)
        gradient_[(first + j) * dims_ + k] += amount * columns[k * kPanel + j];
  }
  loss_ += options_.interference_penalty * squares / 2;
}

double ToyGradient::finish() {
  flush();
  const std::size_t stride = panels::row_stride(dims_);
  for (std::size_t i = 0; sparse_ && i < features_; ++i)
    for (std::size_t k = 0; k < dims_; ++k) gradient_[i * dims_ + k] += padded_gradient_[i * stride + k];
  kernels_.add_tiles(tiles_.data(), features_, dims_, gradient_.data());
  kernels_.fold_lanes(bias_sums_.data(), features_, bias_gradient_.data());
  if (options_.interference_penalty > 0) add_interference();
  return loss_;
}

}  // namespace unsuperpose
