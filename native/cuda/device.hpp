// A device's memory and streams for the host code of this folder. Every call of the CUDA runtime is checked here; a failure is thrown, and
// becomes an answer at the table (module.cpp).
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "abi.h"
#ifdef UNSUPERPOSE_CUDA_EMULATED
#include "emulation.hpp"
#else
#include <cuda_runtime.h>
#endif

namespace unsuperpose::cuda {

/// What a function of the table answers with.
struct Failure {
  int code;
  std::string message;
  std::uint64_t wanted = 0, free = 0;  // bytes
};

/// Where memory was wanted.
enum class Place { device, host };

inline void check(cudaError_t error, const char* what, std::uint64_t bytes = 0, Place place = Place::device) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();  // an allocation that failed is not remembered
  const std::string said = std::string(what) + ": " + cudaGetErrorString(error);
  switch (error) {
    case cudaErrorMemoryAllocation: {
      std::size_t free = 0, all = 0;
      const bool known = place == Place::device && cudaMemGetInfo(&free, &all) == cudaSuccess;
      throw Failure{UNSUPERPOSE_CUDA_MEMORY, said, bytes, known ? free : UNSUPERPOSE_CUDA_UNKNOWN};
    }
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorInvalidDevice: throw Failure{UNSUPERPOSE_CUDA_NO_DEVICE, said};
    default: throw Failure{UNSUPERPOSE_CUDA_FAILED, said};
  }
}

/// The calls of this thread go to `device` until the end of the scope. Where that is not within another, they do so after it too: to choose the device from
/// before again would start CUDA there (since CUDA 12), on a device that the process may never use.
class OnDevice {
 public:
  explicit OnDevice(int device) {
    check(cudaGetDevice(&before_), "asking for the device");
    if (before_ != device) check(cudaSetDevice(device), "choosing the device");
    ++depth_;
    if (device >= 0 && device < kMostKnown) used_[device] = true;
  }
  ~OnDevice() {
    if (--depth_ > 0) (void)cudaSetDevice(before_);
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  /// Has there been a scope of that device in this process? Not known, and so denied, of those with high numbers.
  static bool used(int device) { return device >= 0 && device < kMostKnown && used_[device]; }

 private:
  static constexpr int kMostKnown = 64;
  inline static std::atomic<bool> used_[kMostKnown];
  inline static thread_local int depth_ = 0;
  int before_ = 0;
};

/// `n` of T on the device; what it held is lost when it grows.
template <class T>
class Memory {
 public:
  Memory() = default;
  explicit Memory(std::size_t n) { reserve(n); }
  ~Memory() { free(); }
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    swap(other);
    return *this;
  }

  void reserve(std::size_t n) {
    if (n <= size_) return;
    free();
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T))
      throw Failure{UNSUPERPOSE_CUDA_MEMORY, "too large", 0, UNSUPERPOSE_CUDA_UNKNOWN};
    void* made = nullptr;
    check(cudaMalloc(&made, n * sizeof(T)), "taking memory of the device", n * sizeof(T));
    data_ = static_cast<T*>(made);
    size_ = n;
  }
  void free() {
    if (data_) (void)cudaFree(data_);
    data_ = nullptr;
    size_ = 0;
  }
  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

 private:
  void swap(Memory& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// `n` of T on the host that copies reach without a detour.
template <class T>
class Pinned {
 public:
  Pinned() = default;
  ~Pinned() {
    if (data_) (void)cudaFreeHost(data_);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  void reserve(std::size_t n) {
    if (n <= size_) return;
    if (data_) (void)cudaFreeHost(data_);
    data_ = nullptr;
    size_ = 0;
    void* made = nullptr;
    check(cudaMallocHost(&made, n * sizeof(T)), "taking pinned memory of the host", n * sizeof(T),
          Place::host);
    data_ = static_cast<T*>(made);
    size_ = n;
  }
  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "making an event"); }
  ~Event() { (void)cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "recording an event"); }
  void wait() { check(cudaEventSynchronize(event_), "waiting for the device"); }
  cudaEvent_t get() const { return event_; }
  /// Seconds since `before`; both have happened.
  double since(const Event& before) const {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, before.event_, event_), "timing");
    return 1e-3 * static_cast<double>(milliseconds);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream"); }
  ~Stream() { (void)cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  cudaStream_t get() const { return stream_; }
  /// Waits for all that was asked of it, and throws what failed in it.
  void wait() const { check(cudaStreamSynchronize(stream_), "waiting for the device"); }
  template <class T>
  void zero(T* at, std::size_t n) const {
    if (n > 0) check(cudaMemsetAsync(at, 0, n * sizeof(T), stream_), "clearing memory");
  }
  template <class T>
  void to_device(T* to, const T* from, std::size_t n) const {
    if (n > 0)
      check(cudaMemcpyAsync(to, from, n * sizeof(T), cudaMemcpyHostToDevice, stream_),
            "copying to the device");
  }
  /// `rows` rows of n; a row starts `stride` after the one before on the side that is not dense.
  template <class T>
  void rows_to_device(T* to, const T* from, std::size_t stride, std::size_t rows, std::size_t n) const {
    if (rows > 0 && n > 0)
      check(cudaMemcpy2DAsync(to, n * sizeof(T), from, stride * sizeof(T), n * sizeof(T), rows,
                              cudaMemcpyHostToDevice, stream_),
            "copying to the device");
  }
  template <class T>
  void rows_to_host(T* to, const T* from, std::size_t stride, std::size_t rows, std::size_t n) const {
    if (rows > 0 && n > 0)
      check(cudaMemcpy2DAsync(to, n * sizeof(T), from, stride * sizeof(T), n * sizeof(T), rows,
                              cudaMemcpyDeviceToHost, stream_),
            "copying from the device");
  }
  template <class T>
  void to_host(T* to, const T* from, std::size_t n) const {
    if (n > 0)
      check(cudaMemcpyAsync(to, from, n * sizeof(T), cudaMemcpyDeviceToHost, stream_),
            "copying from the device");
  }

 private:
  cudaStream_t stream_ = nullptr;
};

/// Copies rows from pageable memory through two pinned buffers, so that one is filled while the other is on its way.
class Upload {
 public:
  explicit Upload(const Stream& stream) : stream_(stream) {}
  /// to: count x dims, dense.
  void rows(float* to, const UnsuperposeCudaMatrix& from);

 private:
  static constexpr std::size_t kBytes = std::size_t{4} << 20;
  const Stream& stream_;
  Pinned<float> buffers_[2];
  Event sent_[2];
  bool used_[2] = {false, false};
};

}  // namespace unsuperpose::cuda
