// int16 by vpdpwssd (VNNI), which adds to the sums itself: half the instructions of avx512_int16.cpp for the same bits.
#include "rounded.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
#define UNSUPERPOSE_BEGIN_VNNI \
  UNSUPERPOSE_BEGIN_TARGET_("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c,popcnt")
namespace unsuperpose::product::avx512_vnni_int16 {
UNSUPERPOSE_BEGIN_VNNI
using namespace simd::avx512;
using simd::avx512::max, simd::avx512::store;  // not the product's
constexpr std::size_t kTileRows = 6, kTileRegisters = 4;
// Of 32-bit lanes, unlike __m512i: GCC 12 keeps an array of those in memory.
typedef std::int32_t Sums __attribute__((vector_size(64)));
using Words = __m512i;
UNSUPERPOSE_INLINE Sums sums_start(std::int32_t) { return Sums{}; }
UNSUPERPOSE_INLINE Words load_words(const std::uint32_t* p) { return _mm512_load_si512(p); }
UNSUPERPOSE_INLINE Words broadcast_word(std::uint32_t w) { return _mm512_set1_epi32(static_cast<int>(w)); }
UNSUPERPOSE_INLINE Sums accumulate(Sums sums, Words right, Words left) {
  return reinterpret_cast<Sums>(_mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sums), right, left));
}
UNSUPERPOSE_INLINE void store_scaled(float* p, Sums sums, const float* columns, float row) {
  store(p, mul(mul(_mm512_cvtepi32_ps(reinterpret_cast<__m512i>(sums)), load(columns)), broadcast(row)));
}
UNSUPERPOSE_INLINE Vector nearest(Vector v) {
  return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
UNSUPERPOSE_INLINE void round_store(std::int16_t* p, Vector v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(v)));
}
#include "round-inl.hpp"
#include "rounded-inl.hpp"

constexpr RoundedKernels kKernels = {kTileRows, 2, false, round_integers<std::int16_t>, multiply_rounded};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx512_vnni_int16
#endif
