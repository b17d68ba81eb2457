// Sixteen floats; the operations are those of scalar.hpp, which says what each means. AVX-512 F, BW, DQ, VL.
#pragma once
#include <cstddef>
#include <cstdint>

#include "region.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::simd::avx512 {

using Vector = __m512;
using Doubles = __m512d;
inline constexpr std::size_t kLanes = 16, kDoubleLanes = 8;

UNSUPERPOSE_BEGIN_AVX512

UNSUPERPOSE_INLINE __mmask16 first_lanes(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
UNSUPERPOSE_INLINE Vector load(const float* p) { return _mm512_loadu_ps(p); }
UNSUPERPOSE_INLINE Vector load_bytes(const std::int8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
UNSUPERPOSE_INLINE Vector load_bits(const std::uint32_t* p) {
  return _mm512_castsi512_ps(_mm512_loadu_si512(p));
}
UNSUPERPOSE_INLINE Vector load_partial(const float* p, std::size_t n) {
  return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
UNSUPERPOSE_INLINE void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
UNSUPERPOSE_INLINE void store_partial(float* p, Vector v, std::size_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), v);
}
UNSUPERPOSE_INLINE Vector broadcast(float x) { return _mm512_set1_ps(x); }
UNSUPERPOSE_INLINE Vector zero() { return _mm512_setzero_ps(); }
UNSUPERPOSE_INLINE Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
UNSUPERPOSE_INLINE Vector sub(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
UNSUPERPOSE_INLINE Vector mul(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
UNSUPERPOSE_INLINE Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
UNSUPERPOSE_INLINE Vector max(Vector a, Vector b) { return _mm512_max_ps(a, b); }
UNSUPERPOSE_INLINE Vector divide(Vector a, Vector b) { return _mm512_div_ps(a, b); }
UNSUPERPOSE_INLINE Vector square_root(Vector a) { return _mm512_sqrt_ps(a); }
UNSUPERPOSE_INLINE Vector abs(Vector a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
UNSUPERPOSE_INLINE Vector with_sign(Vector a, Vector sign) {
  return _mm512_or_ps(a, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign));
}
UNSUPERPOSE_INLINE Vector keep_unless_small(Vector test, Vector value) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(test, _mm512_setzero_ps(), _CMP_NLE_UQ), value);
}
UNSUPERPOSE_INLINE std::uint32_t greater(Vector a, Vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
UNSUPERPOSE_INLINE Vector count_before(Vector rank, Vector s, Vector t, Vector position, Vector other) {
  const __mmask16 later = _mm512_cmp_ps_mask(position, other, _CMP_LT_OQ);
  const __mmask16 tie = _mm512_mask_cmp_ps_mask(later, s, t, _CMP_EQ_OQ);
  const __mmask16 before = static_cast<__mmask16>(tie | _mm512_cmp_ps_mask(s, t, _CMP_GT_OQ));
  return _mm512_mask_add_ps(rank, before, rank, _mm512_set1_ps(1.0f));
}
// A whole register is stored: compressing straight to memory is microcode on some processors (Zen 4).
UNSUPERPOSE_INLINE void compress(float* to, Vector v, std::uint32_t bits) {
  _mm512_storeu_ps(to, _mm512_maskz_compress_ps(static_cast<__mmask16>(bits), v));
}
UNSUPERPOSE_INLINE void compress_bits(std::uint32_t* to, Vector v, std::uint32_t bits) {
  _mm512_storeu_si512(to, _mm512_castps_si512(_mm512_maskz_compress_ps(static_cast<__mmask16>(bits), v)));
}
UNSUPERPOSE_INLINE void compress_indices(std::uint32_t* to, std::uint32_t first, std::uint32_t bits) {
  const __m512i lanes =
      _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)),
                       _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), lanes));
}
UNSUPERPOSE_INLINE float largest(Vector v) {
  const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}
UNSUPERPOSE_INLINE __m256 fold(Vector v) {
  return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}
UNSUPERPOSE_INLINE void sums4(Vector a, Vector b, Vector c, Vector d, float* out) {
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(fold(a), fold(b)), _mm256_hadd_ps(fold(c), fold(d)));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
}

UNSUPERPOSE_INLINE Doubles doubles_zero() { return _mm512_setzero_pd(); }
UNSUPERPOSE_INLINE Doubles doubles_broadcast(double x) { return _mm512_set1_pd(x); }
UNSUPERPOSE_INLINE Doubles doubles_load(const float* p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
UNSUPERPOSE_INLINE Doubles low(Vector v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
UNSUPERPOSE_INLINE Doubles high(Vector v) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)); }
UNSUPERPOSE_INLINE Vector narrow(Doubles lo, Doubles hi) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(lo)), _mm512_cvtpd_ps(hi), 1);
}
UNSUPERPOSE_INLINE Doubles doubles_add(Doubles a, Doubles b) { return _mm512_add_pd(a, b); }
UNSUPERPOSE_INLINE Doubles doubles_fma(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
UNSUPERPOSE_INLINE double doubles_sum(Doubles v) {
  const __m256d quarter = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
  const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(quarter), _mm256_extractf128_pd(quarter, 1));
  return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

UNSUPERPOSE_END

}  // namespace unsuperpose::simd::avx512
#endif
