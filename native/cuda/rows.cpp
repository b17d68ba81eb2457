#include "rows.hpp"

#include <cmath>
#include <cstdlib>
#include <string>

#include "pinned.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr int kLeastMajor = 8;

/// At least v.
float up(double v) { return std::nextafter(static_cast<float>(v), std::numeric_limits<float>::infinity()); }

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "asking what the device can do");
  return value;
}

}  // namespace

Device::Device(int index_) : index(index_) {
  int devices = 0;
  check(cudaGetDeviceCount(&devices), "looking for CUDA devices");
  if (index < 0 || index >= devices)
    throw Failure{UNSUPERPOSE_CUDA_NO_DEVICE, "there is no device " + std::to_string(index) + ": " +
                                                  std::to_string(devices) + " can be seen"};
  const int major = attribute(cudaDevAttrComputeCapabilityMajor, index);
  const int minor = attribute(cudaDevAttrComputeCapabilityMinor, index);
  if (major < kLeastMajor)
    throw Failure{UNSUPERPOSE_CUDA_NO_DEVICE, "device " + std::to_string(index) + " has compute capability " +
                                                  std::to_string(major) + "." + std::to_string(minor) +
                                                  ", at least 8.0 is needed"};
  multiprocessors = attribute(cudaDevAttrMultiProcessorCount, index);
  shared_limit = static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, index));
  // UNSUPERPOSE_CUDA_WGMMA=0: the products that every device has, for comparison.
  const char* wgmma = std::getenv("UNSUPERPOSE_CUDA_WGMMA");
  hopper = major == 9 && !(wgmma && std::strcmp(wgmma, "0") == 0);
}

void RoundedRows::reserve(std::size_t rows, std::size_t dims, int precision) {
  chunks_ = chunks_of(dims, precision);
  const std::size_t padded = padded_rows(rows);
  bytes_.reserve(padded / kTileRows * chunks_ * kTileSize);
  scales_.reserve(padded);
}

void Upload::rows(float* to, const UnsuperposeCudaMatrix& from) {
  if (from.count == 0 || from.dims == 0) return;
  if (!from.pick && is_pinned(from.data, ((from.count - 1) * from.stride + from.dims) * sizeof(float))) {
    stream_.rows_to_device(to, from.data, from.stride, from.count, from.dims);
    return;
  }
  const std::size_t together = std::max<std::size_t>(1, kBytes / sizeof(float) / from.dims);
  std::size_t turn = 0;
  for (std::size_t first = 0; first < from.count; first += together, turn ^= 1) {
    const std::size_t count = std::min<std::size_t>(together, from.count - first);
    Pinned<float>& buffer = buffers_[turn];
    if (used_[turn]) sent_[turn].wait();  // also before the buffer grows: it may be on its way still
    buffer.reserve(together * from.dims);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = from.pick ? from.pick[first + i] : first + i;
      std::memcpy(buffer.data() + i * from.dims, from.data + row * from.stride, from.dims * sizeof(float));
    }
    stream_.to_device(to + first * from.dims, buffer.data(), count * from.dims);
    sent_[turn].record(stream_.get());
    used_[turn] = true;
  }
}

Rows::Rows(int device, const UnsuperposeCudaMatrix& from)
    : device_(device), count_(from.count), dims_(from.dims) {
  const OnDevice here(device_.index);
  data_.reserve(count_ * dims_);
  const Stream stream;
  Upload upload(stream);
  upload.rows(data_.data(), from);
  stream.wait();
}

std::size_t Rows::bytes() const {
  std::size_t bytes = data_.bytes();
  for (const Rounded& rounded : rounded_)
    if (rounded.made) bytes += rounded.rows.bytes();
  return bytes;
}

std::shared_ptr<void> Rows::take_workspace(Workspace kind) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::move(idle_[kind]);
}

void Rows::keep_workspace(std::shared_ptr<void> workspace, Workspace kind) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!idle_[kind]) idle_[kind] = std::move(workspace);
}

bool Rows::free_workspaces() {
  const std::lock_guard<std::mutex> lock(mutex_);
  bool any = false;
  for (std::shared_ptr<void>& idle : idle_) {
    any = any || idle;
    idle.reset();
  }
  return any;
}

void Rows::Rounded::measure() {
  largest_norm = largest_moved = 0;
  for (std::size_t j = 0; j < norms.size(); ++j) {
    const double off = static_cast<double>(moved[j]);
    largest_norm = std::max(largest_norm, static_cast<double>(norms[j]) + off);
    largest_moved = std::max(largest_moved, off);
  }
}

const Rows::Rounded& Rows::rounded(int precision) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Rounded& rounded = rounded_[precision];
  if (rounded.made) return rounded;
  const Stream stream;
  Memory<double> sizes(2 * count_);
  rounded.rows.reserve(count_, dims_, precision);
  round_rows(data_.data(), nullptr, count_, padded_rows(count_), dims_, precision, rounded.rows.tiles(),
             sizes.data(), sizes.data() + count_, stream.get());
  std::vector<double> exact(2 * count_);
  stream.to_host(exact.data(), sizes.data(), 2 * count_);
  stream.wait();
  rounded.norms.resize(count_);
  rounded.moved.resize(count_);
  for (std::size_t j = 0; j < count_; ++j) {
    rounded.norms[j] = up(exact[j]);
    rounded.moved[j] = up(exact[count_ + j]);
  }
  rounded.measure();
  rounded.made = true;
  return rounded;
}

void Rows::replace(const UnsuperposeCudaMatrix& from, const std::uint32_t* at) {
  if (from.count == 0) return;
  const OnDevice here(device_.index);
  const Stream stream;
  Upload upload(stream);
  Memory<float> rows(from.count * dims_);
  Memory<std::uint32_t> which(from.count);
  const Memory<double> sizes(2 * from.count);
  upload.rows(rows.data(), from);
  stream.to_device(which.data(), at, from.count);
  scatter_rows(rows.data(), which.data(), from.count, dims_, data_.data(), stream.get());
  stream.wait();
  changed(which.data(), at, from.count, sizes);
}

void Rows::changed(const std::uint32_t* which, const std::uint32_t* which_here, std::size_t count,
                   const Memory<double>& sizes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Stream stream;
  std::vector<double> exact(2 * count);
  for (int precision = 0; precision <= kLowHalf; ++precision) {
    Rounded& rounded = rounded_[precision];
    if (!rounded.made) continue;
    round_again(data_.data(), which, count, dims_, precision, rounded.rows.tiles(), sizes.data(),
                sizes.data() + count, stream.get());
    stream.to_host(exact.data(), sizes.data(), 2 * count);
    stream.wait();
    for (std::size_t i = 0; i < count; ++i) {
      rounded.norms[which_here[i]] = up(exact[i]);
      rounded.moved[which_here[i]] = up(exact[count + i]);
    }
    rounded.measure();
  }
}

}  // namespace unsuperpose::cuda
