// The portable vector: four floats in the compilers' vector extension, which any target can lower. No fused
// multiply-add (without hardware it is a slow library call): fma() rounds twice.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "region.hpp"

namespace unsuperpose::simd::scalar {

typedef float Vector __attribute__((vector_size(16)));
typedef double Doubles __attribute__((vector_size(16)));
typedef std::int32_t Bits __attribute__((vector_size(16)));
inline constexpr std::size_t kLanes = 4, kDoubleLanes = 2;

UNSUPERPOSE_INLINE Vector load(const float* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
/// kLanes signed bytes as floats
UNSUPERPOSE_INLINE Vector load_bytes(const std::int8_t* p) {
  return Vector{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]),
                static_cast<float>(p[3])};
}
/// any 32 bits, to be moved, not computed with
UNSUPERPOSE_INLINE Vector load_bits(const std::uint32_t* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
/// the first n < kLanes floats, zeros after them
UNSUPERPOSE_INLINE Vector load_partial(const float* p, std::size_t n) {
  Vector v{};
  std::memcpy(&v, p, n * sizeof(float));
  return v;
}
UNSUPERPOSE_INLINE void store(float* p, Vector v) { std::memcpy(p, &v, sizeof v); }
UNSUPERPOSE_INLINE void store_partial(float* p, Vector v, std::size_t n) {
  std::memcpy(p, &v, n * sizeof(float));
}
UNSUPERPOSE_INLINE Vector broadcast(float x) { return Vector{x, x, x, x}; }
UNSUPERPOSE_INLINE Vector zero() { return Vector{}; }
UNSUPERPOSE_INLINE Vector add(Vector a, Vector b) { return a + b; }
UNSUPERPOSE_INLINE Vector sub(Vector a, Vector b) { return a - b; }
UNSUPERPOSE_INLINE Vector mul(Vector a, Vector b) { return a * b; }
/// a·b + c
UNSUPERPOSE_INLINE Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }
/// a where a > b, else b: a NaN in a is dropped
UNSUPERPOSE_INLINE Vector max(Vector a, Vector b) { return a > b ? a : b; }
UNSUPERPOSE_INLINE Vector divide(Vector a, Vector b) { return a / b; }
/// of values ≥ 0
UNSUPERPOSE_INLINE Vector square_root(Vector a) {
  return Vector{__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}
UNSUPERPOSE_INLINE Vector abs(Vector a) {
  return reinterpret_cast<Vector>(reinterpret_cast<Bits>(a) & 0x7fffffff);
}
/// the sign bits of `sign` on the magnitude `a`, which must not be negative
UNSUPERPOSE_INLINE Vector with_sign(Vector a, Vector sign) {
  return reinterpret_cast<Vector>(reinterpret_cast<Bits>(a) |
                                  (reinterpret_cast<Bits>(sign) & static_cast<std::int32_t>(0x80000000u)));
}
/// value where !(test ≤ 0), so also where it is NaN; +0 elsewhere
UNSUPERPOSE_INLINE Vector keep_unless_small(Vector test, Vector value) {
  return reinterpret_cast<Vector>(~(test <= 0.0f) & reinterpret_cast<Bits>(value));
}
/// bit i: a_i > b_i (false for NaN)
UNSUPERPOSE_INLINE std::uint32_t greater(Vector a, Vector b) {
  const Bits bits = (a > b) & Bits{1, 2, 4, 8};
  return static_cast<std::uint32_t>(bits[0] | bits[1] | bits[2] | bits[3]);
}
/// rank + 1 where s precedes t: s > t, or s = t and position < other
UNSUPERPOSE_INLINE Vector count_before(Vector rank, Vector s, Vector t, Vector position, Vector other) {
  const Bits before = (s > t) | ((s == t) & (position < other));
  return rank + reinterpret_cast<Vector>(before & reinterpret_cast<Bits>(Vector{1, 1, 1, 1}));
}
/// the lanes of v whose bit is set, one after the other; kLanes floats may be written at `to`
UNSUPERPOSE_INLINE void compress(float* to, Vector v, std::uint32_t bits) {
  float lanes[kLanes];
  store(lanes, v);
  for (; bits != 0; bits &= bits - 1) *to++ = lanes[__builtin_ctz(bits)];
}
/// first + i for every set bit i, likewise
UNSUPERPOSE_INLINE void compress_indices(std::uint32_t* to, std::uint32_t first, std::uint32_t bits) {
  for (; bits != 0; bits &= bits - 1) *to++ = first + static_cast<std::uint32_t>(__builtin_ctz(bits));
}
/// compress for what load_bits loaded
UNSUPERPOSE_INLINE void compress_bits(std::uint32_t* to, Vector v, std::uint32_t bits) {
  std::uint32_t lanes[kLanes];
  std::memcpy(lanes, &v, sizeof lanes);
  for (; bits != 0; bits &= bits - 1) *to++ = lanes[__builtin_ctz(bits)];
}
UNSUPERPOSE_INLINE float largest(Vector v) {
  const float a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
  return a > b ? a : b;
}
/// out[i] = the sum of the lanes of v_i, the same tree for each
UNSUPERPOSE_INLINE void sums4(Vector a, Vector b, Vector c, Vector d, float* out) {
  out[0] = (a[0] + a[1]) + (a[2] + a[3]);
  out[1] = (b[0] + b[1]) + (b[2] + b[3]);
  out[2] = (c[0] + c[1]) + (c[2] + c[3]);
  out[3] = (d[0] + d[1]) + (d[2] + d[3]);
}

UNSUPERPOSE_INLINE Doubles doubles_zero() { return Doubles{}; }
UNSUPERPOSE_INLINE Doubles doubles_broadcast(double x) { return Doubles{x, x}; }
/// kDoubleLanes floats
UNSUPERPOSE_INLINE Doubles doubles_load(const float* p) { return Doubles{p[0], p[1]}; }
/// the two halves of a register
UNSUPERPOSE_INLINE Doubles low(Vector v) { return Doubles{v[0], v[1]}; }
UNSUPERPOSE_INLINE Doubles high(Vector v) { return Doubles{v[2], v[3]}; }
UNSUPERPOSE_INLINE Vector narrow(Doubles lo, Doubles hi) {
  return Vector{static_cast<float>(lo[0]), static_cast<float>(lo[1]), static_cast<float>(hi[0]),
                static_cast<float>(hi[1])};
}
UNSUPERPOSE_INLINE Doubles doubles_add(Doubles a, Doubles b) { return a + b; }
UNSUPERPOSE_INLINE Doubles doubles_fma(Doubles a, Doubles b, Doubles c) { return a * b + c; }
UNSUPERPOSE_INLINE double doubles_sum(Doubles v) { return v[0] + v[1]; }

}  // namespace unsuperpose::simd::scalar
