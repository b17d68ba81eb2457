// Rows that have a copy on a device, and vectors that are scored against them there: what the scorer's rungs of a device are made of. Whatever a
// device answers but success is thrown as device::Failed.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../core/view.hpp"
#include "../kernels/product/product.hpp"
#include "device.hpp"

namespace unsuperpose::scoring {

class DeviceRows {
 public:
  /// Copies rows pick[i] of `rows`, or all of them where `pick` is empty.
  DeviceRows(device::Device& device, ConstMatrix32 rows, std::span<const std::uint32_t> pick = {});
  ~DeviceRows();
  DeviceRows(const DeviceRows&) = delete;
  DeviceRows& operator=(const DeviceRows&) = delete;

  device::Device& device() const { return device_; }
  UnsuperposeCudaRows* handle() const { return handle_; }
  std::size_t count() const { return count_; }
  std::size_t dims() const { return dims_; }
  /// Of every row: the norm of what rounding moved, at most.
  std::vector<float> moved(UnsuperposeCudaPrecision precision) const;
  /// Rows `which` become those of `rows`, of as many rows and dims. No other call may use them meanwhile.
  void replace(ConstMatrix32 rows, std::span<const std::uint32_t> which);

 private:
  device::Device& device_;
  std::size_t count_, dims_;
  UnsuperposeCudaRows* handle_ = nullptr;
};

/// The copies of one set of rows, one a device, made on first use and kept.
class DeviceCopies {
 public:
  DeviceCopies();
  ~DeviceCopies();
  DeviceCopies(DeviceCopies&&) noexcept;
  DeviceCopies& operator=(DeviceCopies&&) noexcept;
  const DeviceRows& of(device::Device& device, ConstMatrix32 rows,
                       std::span<const std::uint32_t> pick = {}) const;
  /// How many there are.
  std::size_t count() const;
  /// Rows `which` have changed: the copies follow, and go where rows were added or dropped. No other call may use them meanwhile.
  void follow(ConstMatrix32 rows, std::span<const std::uint32_t> which);

 private:
  struct Kept;
  std::unique_ptr<Kept> kept_;
};

/// One thread at a time.
class DeviceScan {
 public:
  explicit DeviceScan(const DeviceRows& rows);
  ~DeviceScan();
  DeviceScan(const DeviceScan&) = delete;
  DeviceScan& operator=(const DeviceScan&) = delete;

  /// The vectors to be scored: rows `pick` of a matrix, or of rows that are on the device.
  void set_vectors(ConstMatrix32 vectors, std::span<const std::uint32_t> pick,
                   UnsuperposeCudaPrecision precision);
  void set_vectors(const DeviceRows& vectors, std::span<const std::uint32_t> pick,
                   UnsuperposeCudaPrecision precision);
  double norm(std::size_t vector) const { return norms_[vector]; }   // as rounded
  double moved(std::size_t vector) const { return moved_[vector]; }  // by rounding

  /// What passes the floors (none for strongest() where null), one list a vector: above() by index, strongest() strongest first.
  void above(const float* floors, const float* scale, bool positive_only);
  void strongest(const float* floors, const float* scale, bool positive_only, std::size_t capacity);
  std::size_t count(std::size_t vector) const { return counts_[vector]; }
  const product::Entry* entries(std::size_t vector) const { return entries_.data() + starts_[vector]; }

  /// out[e] = atoms[e] · vector which[i], starts[i] ≤ e < starts[i + 1], of the vectors that were set last: over their first `dims` entries, in the bits of
  /// dots::Table::dot.
  void multiply(std::span<const std::uint32_t> which, const std::size_t* starts, const std::uint32_t* atoms,
                std::size_t dims, double* out) const;

 private:
  void fetch();

  const DeviceRows& rows_;
  UnsuperposeCudaScan* handle_ = nullptr;
  UnsuperposeCudaPrecision precision_ = UNSUPERPOSE_CUDA_INT8;
  std::vector<double> norms_, moved_;
  std::vector<std::uint32_t> counts_;
  std::vector<std::size_t> starts_;
  std::vector<product::Entry> entries_;
};

}  // namespace unsuperpose::scoring
