// int8 by vpdpbusd on 256 bits (AVX-VNNI).
#include "rounded.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
#ifndef UNSUPERPOSE_BEGIN_AVX_VNNI  // a test puts an emulation in the instruction's place
#define UNSUPERPOSE_BEGIN_AVX_VNNI UNSUPERPOSE_BEGIN_TARGET_("avxvnni,avx2,fma,f16c,popcnt")
#endif
namespace unsuperpose::product::avx2_vnni_int8 {
UNSUPERPOSE_BEGIN_AVX_VNNI
using namespace simd::avx2;
using simd::avx2::max, simd::avx2::store;  // not the product's
// 12 sums, 3 of the panel and a broadcast: what 16 registers hold
constexpr std::size_t kTileRows = 4, kTileRegisters = 3;
// Of 32-bit lanes, unlike __m256i: GCC 12 keeps an array of those in memory.
typedef std::int32_t Sums __attribute__((vector_size(32)));
using Words = __m256i;
UNSUPERPOSE_INLINE Sums sums_start(std::int32_t start) { return start - Sums{}; }
UNSUPERPOSE_INLINE Words load_words(const std::uint32_t* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}
UNSUPERPOSE_INLINE Words broadcast_word(std::uint32_t w) { return _mm256_set1_epi32(static_cast<int>(w)); }
// Unsigned bytes on the right, signed ones on the left; sums wrap, and their final value fits.
UNSUPERPOSE_INLINE Sums accumulate(Sums sums, Words right, Words left) {
  return reinterpret_cast<Sums>(_mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sums), right, left));
}
UNSUPERPOSE_INLINE void store_scaled(float* p, Sums sums, const float* columns, float row) {
  store(p, mul(mul(_mm256_cvtepi32_ps(reinterpret_cast<__m256i>(sums)), load(columns)), broadcast(row)));
}
#include "avx2_bytes-inl.hpp"
#include "rounded-inl.hpp"

constexpr RoundedKernels kKernels = {kTileRows, 4, true, round_integers<std::int8_t>, multiply_rounded};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx2_vnni_int8
#endif
