// Steps of training on a device: a learner's state goes there and back whole, and what a step comes to is told by the next one, so that a batch is
// copied while the one before is learned from. Anything but success is thrown as device::Failed.
#pragma once
#include <functional>
#include <string>

#include "../scoring/device.hpp"
#include "autoencoder_state.hpp"

namespace unsuperpose::autoencoder {

/// Why a device cannot train such an autoencoder, or nothing: what is named runs on the CPU.
std::string not_on_devices(std::size_t inputs, std::size_t outputs, const AutoencoderOptions& options);

/// What one step has come to, in the units that Outcome and State::Sums have.
struct DeviceReport {
  std::uint64_t number = 0, samples = 0, dead = 0;
  Outcome outcome;
  double gradient_norm = 0, squared_apart = 0;  // the last of the targets as given, as their mean
  const double* target_mean = nullptr;
};

class DeviceTrainer {
 public:
  using Trained = UnsuperposeCudaTrained;
  using Observe = std::function<void(const DeviceReport&)>;

  /// `observe` is told of every step, in their order.
  DeviceTrainer(device::Device& device, std::size_t inputs, std::size_t outputs,
                const AutoencoderOptions& options, Observe observe);
  ~DeviceTrainer();
  DeviceTrainer(const DeviceTrainer&) = delete;
  DeviceTrainer& operator=(const DeviceTrainer&) = delete;

  device::Device& device() const { return device_; }
  void write(const Trained& from);
  void read(Trained& to);
  void step(UnsuperposeCudaStep step);
  /// Waits for all steps.
  void settle();

 private:
  void take(const UnsuperposeCudaReport& report);

  device::Device& device_;
  Observe observe_;
  std::vector<double> mean_;
  UnsuperposeCudaTrainer* handle_ = nullptr;
};

}  // namespace unsuperpose::autoencoder
