#include "lista_device.hpp"

#include <algorithm>
#include <cmath>

#include "../core/cancellation.hpp"
#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose::lista {

namespace {

/// Entries of a sample in a layer, candidates among them, beyond which it is the CPU's.
constexpr std::uint32_t kCapacity = 2048;
/// More dims overflow the bound of a score's error.
constexpr std::size_t kMostDims = 131072;
/// Norms of weights; those of residuals are looked at on the device.
constexpr double kLargestNorm = 0x1.0p30;

struct Taking {
  std::vector<Codes>& codes;
  std::vector<std::uint32_t>& left;
  const Execution& execution;
};

void take(void* context, std::uint64_t sample, const UnsuperposeCudaEntry* code, std::uint32_t count) {
  Taking& to = *static_cast<Taking*>(context);
  if (!code) return to.left.push_back(static_cast<std::uint32_t>(sample));
  Codes& codes = to.codes[sample];
  codes.begin = {0, count};
  codes.index.resize(count);
  codes.value.resize(count);
  for (std::uint32_t e = 0; e < count; ++e) {
    codes.index[e] = code[e].index;
    codes.value[e] = code[e].value;
  }
}

}  // namespace

const char* not_on_devices(const ListaParameters& parameters) {
  if (parameters.weights == ListaWeights::pair) return "weights pair run on the CPU only";
  if (parameters.weights == ListaWeights::hyper) return "weights hyper run on the CPU only";
  if (parameters.adaptive > 0 && std::any_of(parameters.selection.begin(), parameters.selection.end(),
                                             [](float percent) { return percent > 0; }))
    return "adaptive thresholds with selection run on the CPU only";
  return nullptr;
}

/// Forward matrix number `matrix` as devices have it.
ConstMatrix32 DeviceNetwork::forward(std::size_t matrix) const {
  const ListaParameters& p = network_.at;
  const std::size_t size = p.features * p.dims;
  const auto lock = cancellation::lock(mutex_);
  if (!network_.zeros.empty() && without_zeros_.empty()) {
    without_zeros_ = p.forward;
    for (std::size_t first = 0; first < p.forward.size(); first += size)
      for (const std::uint32_t j : network_.zeros)
        std::fill_n(without_zeros_.data() + first + j * p.dims, p.dims, 0.0f);
  }
  const std::vector<float>& from = without_zeros_.empty() ? p.forward : without_zeros_;
  return {from.data() + matrix * size, p.features, p.dims};
}

bool DeviceNetwork::in_range() const {
  const ListaParameters& p = network_.at;
  if (p.dims > kMostDims) return false;
  const auto lock = cancellation::lock(mutex_);
  if (range_ == 0) {
    double largest = 0;
    for (std::size_t j = 0; j < p.forward.size() / p.dims; ++j)
      largest = std::max(largest, reduce::table().squared_norm(p.forward.data() + j * p.dims, p.dims));
    range_ = std::sqrt(largest) <= kLargestNorm ? 1 : 2;
  }
  return range_ == 1;
}

Status DeviceNetwork::run(ConstMatrix32 x, std::size_t layers, const Execution& execution,
                          std::vector<Codes>& out, std::vector<std::uint32_t>& left) const {
  const ListaParameters& p = network_.at;
  device::Device& device = *execution.device;
  std::vector<UnsuperposeCudaLayer> given;
  for (std::size_t k = 0; k < layers; ++k) {
    const std::size_t matrix = weights_.size() == 1 ? 0 : k;
    given.push_back({weights_[matrix].of(device, forward(matrix)).handle(), p.step[k], p.threshold[k],
                     most_selected(p.selection[k], p.features)});
  }
  out.assign(x.rows, {});
  left.clear();
  Taking taking{out, left, execution};
  UnsuperposeCudaLayers network{};
  network.samples = {x.data, x.stride, x.rows, x.cols, nullptr};
  network.layers = given.data();
  network.count = static_cast<std::uint32_t>(layers);
  network.nonnegative = p.nonnegative;
  network.adaptive = static_cast<float>(p.adaptive);
  network.capacity = kCapacity;
  network.take = take;
  network.cancelled = [](void* context) {
    return static_cast<Taking*>(context)->execution.cancelled() ? 1 : 0;
  };
  network.context = &taking;
  UnsuperposeCudaError error;
  const int answer =
      device.table->unroll(atoms_.of(device, network_.dictionary()).handle(), &network, &error);
  if (answer == UNSUPERPOSE_CUDA_CANCELLED) return Status::cancelled();
  return answer == UNSUPERPOSE_CUDA_OK ? Status{} : device::status_of(device, answer, error);
}

}  // namespace unsuperpose::lista
