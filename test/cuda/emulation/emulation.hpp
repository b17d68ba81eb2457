// What native/cuda/cuda.cuh declares, on a CPU: the same kernels run with a fiber for every CUDA thread, block after block.
//
// Whatever a GPU leaves open is drawn from a seed (UNSUPERPOSE_EMULATED_SEED): in which order blocks, warps and lanes run, when copies
// and products that were only begun take place, when a stream does what it was given. What a GPU answers with a hang or with rubbish
// ends the process with a message: a warp operation or a barrier that not all threads reach, threads that wait for ever, memory that
// does not belong to the block. Shared and device memory begin as NaN, with guards at both ends.
#pragma once
#include <math.h>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>

#include "runtime.hpp"

#define KERNEL void
#define KERNEL_BOUNDS(threads, blocks) void
#define DEVICE inline
#define BOTH inline
#define LAUNCH(kernel, grid, block, shared, stream, ...)                                                 \
  ::unsuperpose::cuda::emulation::launch(#kernel, (kernel), (grid), (block), (shared), (stream),         \
                                         ::unsuperpose::cuda::emulation::Place::current() __VA_OPT__(, ) \
                                             __VA_ARGS__)
#define SHARED(name) unsigned char* const name = ::unsuperpose::cuda::emulation::shared_memory()

/// Of the fiber that runs. One kernel runs at a time in a process, so these need not be a thread's own.
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

namespace unsuperpose::cuda {
namespace emulation {

/// Where in a kernel something was called.
struct Place {
  const char* file = nullptr;
  int line = 0;
  static constexpr Place current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

unsigned char* shared_memory();
void enqueue(const char* name, const void* kernel, dim3 grid, dim3 block, std::size_t shared,
             cudaStream_t stream, Place at, std::function<void()> body);

/// The arguments are copied as the kernel's parameters, as a GPU does, when the kernel is queued.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared,
            cudaStream_t stream, Place at, Arguments&&... arguments) {
  static_assert((std::is_trivially_copyable_v<std::decay_t<Parameters>> && ...),
                "a GPU copies arguments as bytes");
  std::tuple<std::decay_t<Parameters>...> parameters(static_cast<std::decay_t<Parameters>>(arguments)...);
  enqueue(name, reinterpret_cast<const void*>(kernel), grid, block, shared, stream, at,
          [kernel, parameters] { std::apply(kernel, parameters); });
}

/// Every lane's 64 bits for those of lane `from`.
std::uint64_t shuffle_bits(std::uint64_t bits, unsigned from, const char* what, Place at);

template <class T>
T shuffle(T v, unsigned from, const char* what, Place at) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) >= 4, "a GPU shuffles 32 or 64 bits");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &v, sizeof v);
  bits = shuffle_bits(bits, from, what, at);
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

}  // namespace emulation

void sync_block(emulation::Place at = emulation::Place::current());
void sync_warp(emulation::Place at = emulation::Place::current());
inline unsigned lane() { return threadIdx.x % 32; }
template <class T>
T shuffle(T v, int from, emulation::Place at = emulation::Place::current()) {
  return emulation::shuffle(v, static_cast<unsigned>(from) % 32, "shuffle", at);
}
template <class T>
T shuffle_xor(T v, int mask, emulation::Place at = emulation::Place::current()) {
  return emulation::shuffle(v, (lane() ^ static_cast<unsigned>(mask)) % 32, "shuffle_xor", at);
}
unsigned ballot(bool v, emulation::Place at = emulation::Place::current());
inline unsigned atomic_add(unsigned* at, unsigned v) { return __atomic_fetch_add(at, v, __ATOMIC_RELAXED); }
inline unsigned atomic_max(unsigned* at, unsigned v) {
  unsigned before = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (before < v &&
         !__atomic_compare_exchange_n(at, &before, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return before;
}
inline int count_bits(unsigned v) { return __builtin_popcount(v); }
inline unsigned lowest_bit(unsigned v) { return static_cast<unsigned>(__builtin_ctz(v)); }
inline unsigned float_bits(float v) { return std::bit_cast<unsigned>(v); }
inline float bits_float(unsigned v) { return std::bit_cast<float>(v); }
inline std::uint64_t double_bits(double v) { return std::bit_cast<std::uint64_t>(v); }
std::uint16_t to_half(float v);
inline float from_half(std::uint16_t v) {
  const std::uint32_t size = (v & 0x7FFFu) << 13, beyond = size < 0x0F800000u ? 0 : 0x7F800000u;
  const float moved = std::bit_cast<float>(size) * 0x1p112f;  // float32's exponents begin that much lower
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(moved) | beyond | (v & 0x8000u) << 16);
}

inline void load_four(float (&to)[4], const float* from) {
  const float4 v = *reinterpret_cast<const float4*>(from);
  to[0] = v.x;
  to[1] = v.y;
  to[2] = v.z;
  to[3] = v.w;
}

inline void load_four_once(float (&to)[4], const float* from) { load_four(to, from); }
inline void store_four(float* to, const float (&v)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
}
inline void store_four_once(float* to, const float (&v)[4]) { store_four(to, v); }

void copy_async(void* shared, const void* global, emulation::Place at = emulation::Place::current());
void copy_async_word(void* shared, const void* global, emulation::Place at = emulation::Place::current());
void copy_commit();
namespace emulation {
void wait_for_copies(unsigned left);
}
template <int left>
void copy_wait() {
  emulation::wait_for_copies(left);
}

void load_matrices(std::uint32_t (&to)[4], const void* shared_row,
                   emulation::Place at = emulation::Place::current());
void multiply(int (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
              emulation::Place at = emulation::Place::current());
/// As badly as tensor cores may: the 17 addends are cut to 24 bits below the largest, and so is their sum.
void multiply(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
              emulation::Place at = emulation::Place::current());

}  // namespace unsuperpose::cuda
