// The language that kernels are written in: the GPU's own, or, where UNSUPERPOSE_CUDA_EMULATED is defined, that of the emulation in
// test/cuda, which runs the same sources on a CPU. Inline assembly stands here and in hopper.cuh and nowhere else.
//
// Rules that keep the two the same: LAUNCH() and never <<<>>>; dynamic shared memory only by SHARED(); every warp operation is
// reached by all 32 lanes of a warp; waiting only in functions of these two files; no block depends on another; atomics only append
// or take maxima; fused multiply-adds are written out (--fmad=false).
#pragma once
#include <cstddef>
#include <cstdint>

#ifdef UNSUPERPOSE_CUDA_EMULATED
#include "emulation.hpp"
#else
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define KERNEL __global__ void
/// A kernel with a bound on its threads, of which at least `blocks` blocks fit a multiprocessor.
#define KERNEL_BOUNDS(threads, blocks) __global__ void __launch_bounds__(threads, blocks)
#define DEVICE __device__ __forceinline__
#define BOTH __host__ __device__ __forceinline__
#define LAUNCH(kernel, grid, block, shared, stream, ...) \
  kernel<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__)
/// Declares `name`, the block's dynamic shared memory, aligned to 1,024 bytes.
#define SHARED(name) extern __shared__ __align__(1024) unsigned char name[]

namespace unsuperpose::cuda {

DEVICE void sync_block() { __syncthreads(); }
DEVICE void sync_warp() { __syncwarp(0xffffffffu); }
DEVICE unsigned lane() { return threadIdx.x % 32; }
template <class T>
DEVICE T shuffle(T v, int from) {
  return __shfl_sync(0xffffffffu, v, from);
}
template <class T>
DEVICE T shuffle_xor(T v, int mask) {
  return __shfl_xor_sync(0xffffffffu, v, mask);
}
DEVICE unsigned ballot(bool v) { return __ballot_sync(0xffffffffu, v); }
DEVICE unsigned atomic_add(unsigned* at, unsigned v) { return atomicAdd(at, v); }
DEVICE unsigned atomic_max(unsigned* at, unsigned v) { return atomicMax(at, v); }
DEVICE int count_bits(unsigned v) { return __popc(v); }
/// Of v that is not 0, the place of its lowest bit.
DEVICE unsigned lowest_bit(unsigned v) { return static_cast<unsigned>(__ffs(static_cast<int>(v)) - 1); }
DEVICE unsigned float_bits(float v) { return __float_as_uint(v); }
DEVICE float bits_float(unsigned v) { return __uint_as_float(v); }
DEVICE std::uint64_t double_bits(double v) { return static_cast<std::uint64_t>(__double_as_longlong(v)); }
/// The nearest float16, as bits, ties to even; and back.
DEVICE std::uint16_t to_half(float v) { return __half_as_ushort(__float2half_rn(v)); }
DEVICE float from_half(std::uint16_t v) { return __half2float(__ushort_as_half(v)); }

/// Four floats from an address that is a multiple of 16.
DEVICE void load_four(float (&to)[4], const float* from) {
  const float4 v = *reinterpret_cast<const float4*>(from);
  to[0] = v.x;
  to[1] = v.y;
  to[2] = v.z;
  to[3] = v.w;
}

/// The same of what is not read again soon, and so need not stay in a cache; and back.
DEVICE void load_four_once(float (&to)[4], const float* from) {
  const float4 v = __ldcs(reinterpret_cast<const float4*>(from));
  to[0] = v.x;
  to[1] = v.y;
  to[2] = v.z;
  to[3] = v.w;
}
DEVICE void store_four_once(float* to, const float (&v)[4]) {
  __stcs(reinterpret_cast<float4*>(to), make_float4(v[0], v[1], v[2], v[3]));
}
DEVICE void store_four(float* to, const float (&v)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
}

/// 16 bytes from global to shared memory, arriving by the wait for their group.
DEVICE void copy_async(void* shared, const void* global) {
  const unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(global) : "memory");
}
/// 4 bytes, likewise.
DEVICE void copy_async_word(void* shared, const void* global) {
  const unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(global) : "memory");
}
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Waits until at most `left` of the groups that this thread committed are on their way.
template <int left>
DEVICE void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

/// Four 8 x 16-byte matrices from shared memory: lane l names row l % 8 of matrix l / 8, and gets of each matrix bytes 4 (l % 4) of row l / 4.
DEVICE void load_matrices(std::uint32_t (&to)[4], const void* shared_row) {
  const unsigned from = static_cast<unsigned>(__cvta_generic_to_shared(shared_row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(from));
}

/// c (16 x 8) += a (16 x 32 bytes) · b (8 x 32 bytes)ᵀ. Lane l holds of c: row l / 4 (+ 8 for [2], [3]), columns 2 (l % 4) and the next; of
/// a: [0] rows l / 4, [1] rows l / 4 + 8, bytes 4 (l % 4), [2] and [3] the same 16 bytes further; of b: row l / 4, bytes 4 (l % 4), [1] 16 bytes further.
DEVICE void multiply(int (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// The same for 16 float16 numbers in place of 32 bytes. The sums of a product are truncated.
DEVICE void multiply(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace unsuperpose::cuda
#endif
