// Memory of the device, for the programs of this folder.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "../../native/cuda/cuda.cuh"
#include "../native/count.hpp"

namespace unsuperpose::cuda {

/// `n` of T on the device.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& from) : size_(from.size()) {
    cudaMalloc(&data_, size_ * sizeof(T));
    cudaMemcpy(data_, from.data(), size_ * sizeof(T), cudaMemcpyHostToDevice);
  }
  explicit DeviceArray(std::size_t n) : DeviceArray(std::vector<T>(n)) {}
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  T* data() const { return data_; }
  std::vector<T> read() const {
    std::vector<T> to(size_);
    const cudaError_t error = cudaMemcpy(to.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost);
    check::that(error == cudaSuccess, "the device said: %s", cudaGetErrorString(error));
    return to;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

/// float16 from its definition.
inline double half_value(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double fraction = bits & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -size : size;
}

}  // namespace unsuperpose::cuda
