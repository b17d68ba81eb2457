#include "toy_gradient.hpp"

#include <algorithm>
#include <cstring>

#include "../kernels/reduce/reduce.hpp"
#include "../kernels/shrink/shrink.hpp"

namespace unsuperpose {
namespace {

using toy::kPanel;

/// Panels whose derivatives wait for one product over all their samples: 512 samples, long sums for their one reduction.
constexpr std::size_t kBlockPanels = 16;

}  // namespace

ToyGradient::ToyGradient(const ToyOptions& options, const std::vector<float>& importance, bool sparse)
    : kernels_(toy::table()),
      options_(options),
      importance_(importance),
      features_(options.features),
      dims_(options.dims),
      sparse_(sparse),
      packed_(toy::packed_size(features_, dims_)),
      samples_(features_ * kPanel * (sparse ? 1 : kBlockPanels)),
      derivative_(features_ * kPanel * kBlockPanels),
      hidden_(dims_ * kPanel * kBlockPanels),
      hidden_gradient_(dims_ * kPanel * (sparse ? 1 : kBlockPanels)),
      rows_(kPanel * toy::row_stride(dims_)),
      bias_sums_(features_ * toy::kMostLanes),
      gradient_(features_ * dims_),
      bias_gradient_(features_),
      active_(features_),
      places_(sparse ? features_ * kPanel + kPanel : 0) {}

void ToyGradient::begin(const float* weights, const float* bias, std::size_t batch) {
  at_ = weights;
  bias_at_ = bias;
  batch_ = batch;
  used_ = 0;
  loss_ = 0;
  kernels_.pack(weights, features_, dims_, packed_.data());
  std::memset(bias_sums_.data(), 0, bias_sums_.bytes());
  std::memset(gradient_.data(), 0, gradient_.bytes());
  std::memset(bias_gradient_.data(), 0, bias_gradient_.bytes());
}

void ToyGradient::add(std::size_t valid) {
  float scale[kPanel];
  for (std::size_t s = 0; s < kPanel; ++s) scale[s] = s < valid ? 2 / static_cast<float>(batch_) : 0;
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
  const toy::Decoder decoder = {packed_.data(), bias_at_, importance_.data(), features_, dims_, options_.relu};
  loss_ += kernels_.decode(decoder, x, hidden, scale, derivative, bias_sums_.data());
  kernels_.encode(at_, features_, dims_, derivative, hidden_gradient);
  if (options_.activation_penalty > 0) {
    const float amount = static_cast<float>(options_.activation_penalty / static_cast<double>(batch_));
    loss_ += kernels_.shrink(hidden, dims_, amount, hidden_gradient);
  }
  if (sparse_)
    kernels_.outer_places(x, places_.data(), places, hidden_gradient, dims_, rows_.data(), gradient_.data());
  if (++used_ == kBlockPanels) flush();
}

void ToyGradient::flush() {
  const toy::Pair pairs[] = {{derivative_.data(), hidden_.data()}, {samples_.data(), hidden_gradient_.data()}};
  if (used_ > 0) kernels_.outer(pairs, sparse_ ? 1 : 2, used_, features_, dims_, gradient_.data());
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
      for (std::size_t k = 0; k < dims_; ++k) gradient_[(first + j) * dims_ + k] += amount * columns[k * kPanel + j];
  }
  loss_ += options_.interference_penalty * squares / 2;
}

double ToyGradient::finish() {
  flush();
  kernels_.fold_lanes(bias_sums_.data(), features_, bias_gradient_.data());
  if (options_.interference_penalty > 0) add_interference();
  return loss_;
}

}  // namespace unsuperpose
