// Eight floats; the operations are those of scalar.hpp, which says what each means. AVX2 and FMA.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "region.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::simd::avx2 {

using Vector = __m256;
using Doubles = __m256d;
inline constexpr std::size_t kLanes = 8, kDoubleLanes = 4;
// A window into it that starts at 8 − n is a mask of n lanes.
alignas(64) inline constexpr std::int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

UNSUPERPOSE_BEGIN_AVX2

UNSUPERPOSE_INLINE __m256i first_lanes(std::size_t n) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + 8 - n));
}
UNSUPERPOSE_INLINE Vector load(const float* p) { return _mm256_loadu_ps(p); }
UNSUPERPOSE_INLINE Vector load_bytes(const std::int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
UNSUPERPOSE_INLINE Vector load_bits(const std::uint32_t* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
UNSUPERPOSE_INLINE Vector load_partial(const float* p, std::size_t n) {
  return _mm256_maskload_ps(p, first_lanes(n));
}
UNSUPERPOSE_INLINE void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
UNSUPERPOSE_INLINE void store_partial(float* p, Vector v, std::size_t n) {
  _mm256_maskstore_ps(p, first_lanes(n), v);
}
UNSUPERPOSE_INLINE Vector broadcast(float x) { return _mm256_set1_ps(x); }
UNSUPERPOSE_INLINE Vector zero() { return _mm256_setzero_ps(); }
UNSUPERPOSE_INLINE Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
UNSUPERPOSE_INLINE Vector sub(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
UNSUPERPOSE_INLINE Vector mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
UNSUPERPOSE_INLINE Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
UNSUPERPOSE_INLINE Vector max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
UNSUPERPOSE_INLINE Vector divide(Vector a, Vector b) { return _mm256_div_ps(a, b); }
UNSUPERPOSE_INLINE Vector square_root(Vector a) { return _mm256_sqrt_ps(a); }
UNSUPERPOSE_INLINE Vector abs(Vector a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
UNSUPERPOSE_INLINE Vector with_sign(Vector a, Vector sign) {
  return _mm256_or_ps(a, _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
}
UNSUPERPOSE_INLINE Vector keep_unless_small(Vector test, Vector value) {
  return _mm256_and_ps(_mm256_cmp_ps(test, _mm256_setzero_ps(), _CMP_NLE_UQ), value);
}
UNSUPERPOSE_INLINE std::uint32_t greater(Vector a, Vector b) {
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)));
}
UNSUPERPOSE_INLINE Vector count_before(Vector rank, Vector s, Vector t, Vector position, Vector other) {
  const Vector tie =
      _mm256_and_ps(_mm256_cmp_ps(s, t, _CMP_EQ_OQ), _mm256_cmp_ps(position, other, _CMP_LT_OQ));
  const Vector before = _mm256_or_ps(_mm256_cmp_ps(s, t, _CMP_GT_OQ), tie);
  return _mm256_add_ps(rank, _mm256_and_ps(before, _mm256_set1_ps(1.0f)));
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
UNSUPERPOSE_INLINE float largest(Vector v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}
UNSUPERPOSE_INLINE void sums4(Vector a, Vector b, Vector c, Vector d, float* out) {
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
}

UNSUPERPOSE_INLINE Doubles doubles_zero() { return _mm256_setzero_pd(); }
UNSUPERPOSE_INLINE Doubles doubles_broadcast(double x) { return _mm256_set1_pd(x); }
UNSUPERPOSE_INLINE Doubles doubles_load(const float* p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
UNSUPERPOSE_INLINE Doubles low(Vector v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
UNSUPERPOSE_INLINE Doubles high(Vector v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }
UNSUPERPOSE_INLINE Vector narrow(Doubles lo, Doubles hi) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(lo)), _mm256_cvtpd_ps(hi), 1);
}
UNSUPERPOSE_INLINE Doubles doubles_add(Doubles a, Doubles b) { return _mm256_add_pd(a, b); }
UNSUPERPOSE_INLINE Doubles doubles_fma(Doubles a, Doubles b, Doubles c) { return _mm256_fmadd_pd(a, b, c); }
UNSUPERPOSE_INLINE double doubles_sum(Doubles v) {
  const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
  return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

UNSUPERPOSE_END

}  // namespace unsuperpose::simd::avx2
#endif
