// Memory aligned to a cache line (64 bytes, also one AVX-512 register). Contents are not initialised.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif

namespace unsuperpose {

inline constexpr std::size_t kCacheLine = 64;

/// rounds `count` up to a multiple of `step`
constexpr std::size_t round_up(std::size_t count, std::size_t step) {
  return (count + step - 1) / step * step;
}

/// Owns `size()` elements of a trivial type. Throws std::bad_alloc.
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

  /// `size` elements that are zero.
  static AlignedBuffer zeros(std::size_t size) {
    AlignedBuffer buffer(size);
    if (size > 0) std::memset(buffer.data_, 0, size * sizeof(T));
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
    if (size > static_cast<std::size_t>(-1) / sizeof(T) / 2) throw std::bad_alloc();
    // Large buffers sit on huge pages where the kernel grants them: a packed dictionary is read
    // front to back in every pass, and 4 KiB pages cost a TLB miss every 64 lines.
    constexpr std::size_t kHugePage = std::size_t{1} << 21;
    const std::size_t bytes = size * sizeof(T);
    const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kCacheLine;
#if defined(_WIN32)
    data_ = static_cast<T*>(_aligned_malloc(round_up(bytes, kCacheLine), kCacheLine));
#else
    data_ = static_cast<T*>(std::aligned_alloc(alignment, round_up(bytes, alignment)));
#endif
    if (!data_) throw std::bad_alloc();
#if defined(__linux__)
    if (alignment == kHugePage) madvise(data_, round_up(bytes, alignment), MADV_HUGEPAGE);
#endif
    size_ = size;
  }
  void release() {
#if defined(_WIN32)
    _aligned_free(data_);
#else
    std::free(data_);
#endif
    data_ = nullptr;
    size_ = 0;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace unsuperpose
