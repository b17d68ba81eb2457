// Layers of an unrolled network on a device: what of it lives there, and codes of samples.
#pragma once
#include <cstdint>
#include <mutex>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/device_rows.hpp"
#include "lista_network.hpp"

namespace unsuperpose::lista {

/// Why no device runs these layers, or null. Pairs of matrices add a sum over all features to each product, and hyper takes thresholds from all of
/// them: a pass that keeps what exceeds a threshold has no part in that. Nor has it where thresholds adapt to the codes and entries are selected: the
/// percentile is then of entries below the common threshold.
const char* not_on_devices(const ListaParameters& parameters);

/// The unit atoms and the weights on devices, made on first use. Safe to share between calls.
class DeviceNetwork {
 public:
  /// Must outlive it.
  explicit DeviceNetwork(const Network& network) : network_(network), weights_(network.packed.size()) {}

  /// Can float32 hold what a device makes of products with these weights? Norms are looked at once.
  bool in_range() const;
  /// Codes of x' after `layers` layers, each as codes of one sample; those that the device leaves to the CPU are empty and come to `left`. Throws
  /// device::Failed.
  Status run(ConstMatrix32 x, std::size_t layers, const Execution& execution, std::vector<Codes>& out,
             std::vector<std::uint32_t>& left) const;

 private:
  ConstMatrix32 forward(std::size_t matrix) const;

  const Network& network_;
  mutable std::mutex mutex_;
  mutable std::vector<float>
      without_zeros_;               // forward, with rows of zero atoms made zero; empty where there are none
  mutable std::uint8_t range_ = 0;  // 0: not looked at; 1: in range; 2: not
  scoring::DeviceCopies atoms_;
  std::vector<scoring::DeviceCopies> weights_;
};

}  // namespace unsuperpose::lista
