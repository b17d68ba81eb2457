// A and B of an online learner on a device, for as long as the learner runs there.
#pragma once
#include <cstdint>

#include "../core/execution.hpp"
#include "../core/view.hpp"
#include "../scoring/device_rows.hpp"

namespace unsuperpose {

/// Throws device::Failed; A and B are lost then. By one thread at a time.
class DeviceStatistics {
 public:
  /// Zero.
  DeviceStatistics(device::Device& device, std::size_t features, std::size_t dims);
  ~DeviceStatistics();
  DeviceStatistics(const DeviceStatistics&) = delete;
  DeviceStatistics& operator=(const DeviceStatistics&) = delete;

  const device::Device& device() const { return device_; }
  void put(ConstMatrix32 a, ConstMatrix32 b);
  void get(Matrix32 a, Matrix32 b) const;
  /// Times a factor, rounded once.
  void scale(double factor);
  void forget(std::uint32_t feature);
  void teach(const UnsuperposeCudaLesson& lesson);
  /// Block-coordinate descent over atoms `due`, in their order; atom due[i] comes to row due[i] of `out`. False once the call is cancelled: some atoms
  /// have changed there.
  bool improve(const scoring::DeviceRows& atoms, const std::vector<std::uint32_t>& due, Matrix32 out,
               const Execution& execution);

 private:
  void require(int code, const UnsuperposeCudaError& error) const;

  device::Device& device_;
  UnsuperposeCudaLearning* handle_ = nullptr;
};

}  // namespace unsuperpose
