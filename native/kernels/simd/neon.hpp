// Four floats; the operations are those of scalar.hpp, which says what each means. AArch64 Advanced SIMD.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "region.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::simd::neon {

using Vector = float32x4_t;
using Doubles = float64x2_t;
inline constexpr std::size_t kLanes = 4, kDoubleLanes = 2;

UNSUPERPOSE_INLINE Vector load(const float* p) { return vld1q_f32(p); }
UNSUPERPOSE_INLINE Vector load_bytes(const std::int8_t* p) {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(word))))));
}
UNSUPERPOSE_INLINE Vector load_bits(const std::uint32_t* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
UNSUPERPOSE_INLINE Vector load_partial(const float* p, std::size_t n) {
  float lanes[kLanes] = {};
  std::memcpy(lanes, p, n * sizeof(float));
  return vld1q_f32(lanes);
}
UNSUPERPOSE_INLINE void store(float* p, Vector v) { vst1q_f32(p, v); }
UNSUPERPOSE_INLINE void store_partial(float* p, Vector v, std::size_t n) {
  float lanes[kLanes];
  vst1q_f32(lanes, v);
  std::memcpy(p, lanes, n * sizeof(float));
}
UNSUPERPOSE_INLINE Vector broadcast(float x) { return vdupq_n_f32(x); }
UNSUPERPOSE_INLINE Vector zero() { return vdupq_n_f32(0); }
UNSUPERPOSE_INLINE Vector add(Vector a, Vector b) { return vaddq_f32(a, b); }
UNSUPERPOSE_INLINE Vector sub(Vector a, Vector b) { return vsubq_f32(a, b); }
UNSUPERPOSE_INLINE Vector mul(Vector a, Vector b) { return vmulq_f32(a, b); }
UNSUPERPOSE_INLINE Vector fma(Vector a, Vector b, Vector c) { return vfmaq_f32(c, a, b); }
UNSUPERPOSE_INLINE Vector max(Vector a, Vector b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
UNSUPERPOSE_INLINE Vector divide(Vector a, Vector b) { return vdivq_f32(a, b); }
UNSUPERPOSE_INLINE Vector square_root(Vector a) { return vsqrtq_f32(a); }
UNSUPERPOSE_INLINE Vector abs(Vector a) { return vabsq_f32(a); }
UNSUPERPOSE_INLINE Vector with_sign(Vector a, Vector sign) {
  return vbslq_f32(vdupq_n_u32(0x80000000u), sign, a);
}
UNSUPERPOSE_INLINE Vector keep_unless_small(Vector test, Vector value) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(value), vclezq_f32(test)));
}
UNSUPERPOSE_INLINE std::uint32_t greater(Vector a, Vector b) {
  const std::uint32_t places[kLanes] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vcgtq_f32(a, b), vld1q_u32(places)));
}
UNSUPERPOSE_INLINE Vector count_before(Vector rank, Vector s, Vector t, Vector position, Vector other) {
  const uint32x4_t before =
      vorrq_u32(vcgtq_f32(s, t), vandq_u32(vceqq_f32(s, t), vcltq_f32(position, other)));
  return vaddq_f32(rank, vreinterpretq_f32_u32(vandq_u32(before, vreinterpretq_u32_f32(vdupq_n_f32(1)))));
}
UNSUPERPOSE_INLINE void compress(float* to, Vector v, std::uint32_t bits) {
  float lanes[kLanes];
  store(lanes, v);
  for (; bits != 0; bits &= bits - 1) *to++ = lanes[__builtin_ctz(bits)];
}
UNSUPERPOSE_INLINE void compress_indices(std::uint32_t* to, std::uint32_t first, std::uint32_t bits) {
  for (; bits != 0; bits &= bits - 1) *to++ = first + static_cast<std::uint32_t>(__builtin_ctz(bits));
}
UNSUPERPOSE_INLINE void compress_bits(std::uint32_t* to, Vector v, std::uint32_t bits) {
  std::uint32_t lanes[kLanes];
  std::memcpy(lanes, &v, sizeof lanes);
  for (; bits != 0; bits &= bits - 1) *to++ = lanes[__builtin_ctz(bits)];
}
UNSUPERPOSE_INLINE float largest(Vector v) { return vmaxnmvq_f32(v); }
UNSUPERPOSE_INLINE void sums4(Vector a, Vector b, Vector c, Vector d, float* out) {
  vst1q_f32(out, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}

UNSUPERPOSE_INLINE Doubles doubles_zero() { return vdupq_n_f64(0); }
UNSUPERPOSE_INLINE Doubles doubles_broadcast(double x) { return vdupq_n_f64(x); }
UNSUPERPOSE_INLINE Doubles doubles_load(const float* p) { return vcvt_f64_f32(vld1_f32(p)); }
UNSUPERPOSE_INLINE Doubles low(Vector v) { return vcvt_f64_f32(vget_low_f32(v)); }
UNSUPERPOSE_INLINE Doubles high(Vector v) { return vcvt_high_f64_f32(v); }
UNSUPERPOSE_INLINE Vector narrow(Doubles lo, Doubles hi) { return vcvt_high_f32_f64(vcvt_f32_f64(lo), hi); }
UNSUPERPOSE_INLINE Doubles doubles_add(Doubles a, Doubles b) { return vaddq_f64(a, b); }
UNSUPERPOSE_INLINE Doubles doubles_fma(Doubles a, Doubles b, Doubles c) { return vfmaq_f64(c, a, b); }
UNSUPERPOSE_INLINE double doubles_sum(Doubles v) { return vaddvq_f64(v); }

}  // namespace unsuperpose::simd::neon
#endif
