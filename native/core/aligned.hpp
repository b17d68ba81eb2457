// Memory aligned to a cache line (64 bytes, also one AVX-512 register). Contents are not initialised.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif

#include "cancellation.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define UNSUPERPOSE_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNSUPERPOSE_ADDRESS_SANITIZER
#endif
#endif

namespace unsuperpose {

inline constexpr std::size_t kCacheLine = 64;

/// rounds `count` up to a multiple of `step`
constexpr std::size_t round_up(std::size_t count, std::size_t step) {
  return (count + step - 1) / step * step;
}

/// Memory that could not be had, with its size.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::size_t bytes) : bytes_(bytes) {}
  const char* what() const noexcept override { return "out of memory"; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
};

/// bytes of `count` elements; the largest number there is where that is less
constexpr std::size_t bytes_of(std::size_t count, std::size_t size) {
  constexpr std::size_t kMost = static_cast<std::size_t>(-1);
  return count > kMost / size ? kMost : count * size;
}

/// a vector of `count` elements. Throws OutOfMemory, where its constructor would not tell the size.
template <class T>
std::vector<T> sized_vector(std::size_t count) {
  std::vector<T> made;
  if (bytes_of(count, sizeof(T)) > static_cast<std::size_t>(-1) / 2)
    throw OutOfMemory(bytes_of(count, sizeof(T)));
  try {
    made.resize(count);
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(count * sizeof(T));
  }
  return made;
}

/// Owns `size()` elements of a trivial type. Throws OutOfMemory.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t size) { allocate(size); }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    if (this != &other) {
      release();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~AlignedBuffer() { release(); }

  /// `size` elements that are zero. Of a large buffer a point (cancellation.hpp).
  static AlignedBuffer zeros(std::size_t size) {
    constexpr std::size_t kAtOnce =
        (std::size_t{1} << 22) / sizeof(T);  // a millisecond or two of fresh pages
    AlignedBuffer buffer(size);
    for (std::size_t first = 0; first < size; first += kAtOnce) {
      if (first > 0) cancellation::point();
      std::memset(buffer.data_ + first, 0, std::min(kAtOnce, size - first) * sizeof(T));
    }
    return buffer;
  }

  /// Grows to at least `size`; the old contents are lost when it does. Never shrinks.
  void reserve(std::size_t size) {
    if (size > size_) {
      release();
      allocate(size);
    }
  }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  T& operator[](std::size_t i) const { return data_[i]; }

 private:
  void allocate(std::size_t size) {
    if (size == 0) return;
    if (size > static_cast<std::size_t>(-1) / sizeof(T) / 2) throw OutOfMemory(bytes_of(size, sizeof(T)));
    const std::size_t bytes = size * sizeof(T);
    if (bytes <= kSmall)
      data_ = static_cast<T*>(allocate_small(bytes));
    else
      data_ = static_cast<T*>(allocate_large(bytes));
    if (!data_) throw OutOfMemory(bytes);
    size_ = size;
  }
  void release() {
    if (data_ && bytes() <= kSmall)
      std::free(reinterpret_cast<void**>(data_)[-1]);
    else
      free_large(data_);
    data_ = nullptr;
    size_ = 0;
  }

#if defined(UNSUPERPOSE_ADDRESS_SANITIZER)
  static constexpr std::size_t kSmall = 0;  // whose bytes behind the last element are watched
#else
  /// malloc() keeps lists of freed memory of about this size; what gives aligned memory looks elsewhere, which takes two to three times as long.
  static constexpr std::size_t kSmall = 960;
#endif
  /// In front of it stands what to free.
  static void* allocate_small(std::size_t bytes) {
    void* const whole = std::malloc(bytes + sizeof(void*) + kCacheLine);
    if (!whole) return nullptr;
    const auto first = reinterpret_cast<std::uintptr_t>(whole) + sizeof(void*);
    const std::uintptr_t at = (first + kCacheLine - 1) / kCacheLine * kCacheLine;
    auto* const made = reinterpret_cast<void**>(static_cast<char*>(whole) + (at - first + sizeof(void*)));
    made[-1] = whole;
    return made;
  }
  static void* allocate_large(std::size_t bytes) {
    // Large buffers sit on huge pages where the kernel grants them: a packed dictionary is read
    // front to back in every pass, and 4 KiB pages cost a TLB miss every 64 lines.
    constexpr std::size_t kHugePage = std::size_t{1} << 21;
    const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kCacheLine;
#if defined(_WIN32)
    return _aligned_malloc(round_up(bytes, kCacheLine), kCacheLine);
#else
    void* const made = std::aligned_alloc(alignment, round_up(bytes, alignment));
#if defined(__linux__)
    if (made && alignment == kHugePage) madvise(made, round_up(bytes, alignment), MADV_HUGEPAGE);
#endif
    return made;
#endif
  }
  static void free_large(void* memory) {
#if defined(_WIN32)
    _aligned_free(memory);
#else
    std::free(memory);
#endif
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace unsuperpose
