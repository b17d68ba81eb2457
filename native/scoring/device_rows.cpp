#include "device_rows.hpp"

#include <map>
#include <mutex>

#include "../core/cancellation.hpp"
#include "../kernels/dots/dots.hpp"

namespace unsuperpose::scoring {

namespace {

void require(device::Device& device, int code, const UnsuperposeCudaError& error) {
  if (code != UNSUPERPOSE_CUDA_OK) throw device::Failed{device::status_of(device, code, error)};
}

UnsuperposeCudaMatrix matrix_of(ConstMatrix32 rows, std::span<const std::uint32_t> pick) {
  // Rows one after the other are copied at once where they lie in memory that copies reach.
  std::size_t next = 0;
  while (next < pick.size() && pick[next] == pick[0] + next) ++next;
  if (!pick.empty() && next == pick.size()) return {rows.row(pick[0]), rows.stride, next, rows.cols, nullptr};
  return {rows.data, rows.stride, pick.empty() ? rows.rows : pick.size(), rows.cols,
          pick.empty() ? nullptr : pick.data()};
}

}  // namespace

DeviceRows::DeviceRows(device::Device& device, ConstMatrix32 rows, std::span<const std::uint32_t> pick)
    : device_(device), count_(pick.empty() ? rows.rows : pick.size()), dims_(rows.cols) {
  UnsuperposeCudaError error;
  const UnsuperposeCudaMatrix from = matrix_of(rows, pick);
  require(device_, device_.table->upload(device_.index, &from, &handle_, &error), error);
}

DeviceRows::~DeviceRows() { device_.table->release(handle_); }

std::vector<float> DeviceRows::moved(UnsuperposeCudaPrecision precision) const {
  std::vector<float> moved(count_);
  UnsuperposeCudaError error;
  require(device_, device_.table->moved(handle_, precision, moved.data(), &error), error);
  return moved;
}

void DeviceRows::replace(ConstMatrix32 rows, std::span<const std::uint32_t> which) {
  UnsuperposeCudaError error;
  const UnsuperposeCudaMatrix from = matrix_of(rows, which);
  if (!which.empty()) require(device_, device_.table->replace(handle_, &from, which.data(), &error), error);
}

struct DeviceCopies::Kept {
  std::mutex mutex;
  std::map<device::Device*, std::unique_ptr<DeviceRows>> copies;
};

DeviceCopies::DeviceCopies() : kept_(std::make_unique<Kept>()) {}
DeviceCopies::~DeviceCopies() = default;
DeviceCopies::DeviceCopies(DeviceCopies&&) noexcept = default;
DeviceCopies& DeviceCopies::operator=(DeviceCopies&&) noexcept = default;

const DeviceRows& DeviceCopies::of(device::Device& device, ConstMatrix32 rows,
                                   std::span<const std::uint32_t> pick) const {
  const auto lock = cancellation::lock(kept_->mutex);
  std::unique_ptr<DeviceRows>& copy = kept_->copies[&device];
  if (!copy) copy = std::make_unique<DeviceRows>(device, rows, pick);
  return *copy;
}

std::size_t DeviceCopies::count() const {
  const auto lock = cancellation::lock(kept_->mutex);
  return kept_->copies.size();
}

void DeviceCopies::follow(ConstMatrix32 rows, std::span<const std::uint32_t> which) {
  const auto lock = cancellation::lock(kept_->mutex);
  std::erase_if(kept_->copies,
                [&](const auto& copy) { return !copy.second || copy.second->count() != rows.rows; });
  for (auto& [device, copy] : kept_->copies) {
    std::unique_ptr<DeviceRows> following = std::move(copy);  // gone where it fails
    try {
      following->replace(rows, which);
    } catch (const device::Failed& failure) {
      if (failure.status.code != Code::too_large) throw;
      continue;  // made anew by who asks for it
    }
    copy = std::move(following);
  }
}

DeviceScan::DeviceScan(const DeviceRows& rows) : rows_(rows) {
  UnsuperposeCudaError error;
  require(rows_.device(), rows_.device().table->open(rows_.handle(), &handle_, &error), error);
}

DeviceScan::~DeviceScan() { rows_.device().table->close(handle_); }

void DeviceScan::set_vectors(ConstMatrix32 vectors, std::span<const std::uint32_t> pick,
                             UnsuperposeCudaPrecision precision) {
  const UnsuperposeCudaMatrix from = matrix_of(vectors, pick);
  precision_ = precision;
  norms_.resize(from.count);
  moved_.resize(from.count);
  UnsuperposeCudaError error;
  require(rows_.device(),
          rows_.device().table->set_vectors(handle_, &from, precision, norms_.data(), moved_.data(), &error),
          error);
}

void DeviceScan::set_vectors(const DeviceRows& vectors, std::span<const std::uint32_t> pick,
                             UnsuperposeCudaPrecision precision) {
  precision_ = precision;
  norms_.resize(pick.size());
  moved_.resize(pick.size());
  UnsuperposeCudaError error;
  require(rows_.device(),
          rows_.device().table->set_rows(handle_, vectors.handle(), pick.data(), pick.size(), precision,
                                         norms_.data(), moved_.data(), &error),
          error);
}

void DeviceScan::above(const float* floors, const float* scale, bool positive_only) {
  counts_.resize(norms_.size());
  const UnsuperposeCudaSelect select{precision_, positive_only, floors, scale};
  UnsuperposeCudaError error;
  require(rows_.device(), rows_.device().table->above(handle_, &select, counts_.data(), &error), error);
  fetch();
}

void DeviceScan::strongest(const float* floors, const float* scale, bool positive_only,
                           std::size_t capacity) {
  counts_.resize(norms_.size());
  const UnsuperposeCudaSelect select{precision_, positive_only, floors, scale};
  UnsuperposeCudaError error;
  require(rows_.device(),
          rows_.device().table->strongest(handle_, &select, static_cast<std::uint32_t>(capacity),
                                          counts_.data(), &error),
          error);
  fetch();
}

void DeviceScan::multiply(std::span<const std::uint32_t> which, const std::size_t* starts,
                          const std::uint32_t* atoms, std::size_t dims, double* out) const {
  const std::vector<std::uint64_t> begin(starts, starts + which.size() + 1);
  const UnsuperposeCudaPairs pairs{which.size(), which.data(),
                                   begin.data(), atoms,
                                   dims,         static_cast<std::uint32_t>(dots::table().chains)};
  UnsuperposeCudaError error;
  require(rows_.device(), rows_.device().table->multiply(handle_, &pairs, out, &error), error);
}

void DeviceScan::fetch() {
  static_assert(sizeof(product::Entry) == sizeof(UnsuperposeCudaEntry) &&
                offsetof(product::Entry, index) == offsetof(UnsuperposeCudaEntry, index));
  starts_.resize(counts_.size());
  std::size_t total = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    starts_[i] = total;
    total += counts_[i];
  }
  entries_.resize(total);
  UnsuperposeCudaError error;
  require(rows_.device(),
          rows_.device().table->entries(handle_, reinterpret_cast<UnsuperposeCudaEntry*>(entries_.data()),
                                        &error),
          error);
}

}  // namespace unsuperpose::scoring
