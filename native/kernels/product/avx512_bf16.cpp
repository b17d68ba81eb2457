// bfloat16 by vdpbf16ps.
#include "rounded.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
#define UNSUPERPOSE_BEGIN_BF16 \
  UNSUPERPOSE_BEGIN_TARGET_("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c,popcnt")
namespace unsuperpose::product::avx512_bf16 {
UNSUPERPOSE_BEGIN_BF16
using namespace simd::avx512;
constexpr std::size_t kTileRows = 6, kTileRegisters = 4;
using Sums = Vector;
using Words = __m512bh;
UNSUPERPOSE_INLINE Sums sums_start(std::int32_t) { return zero(); }
UNSUPERPOSE_INLINE Words load_words(const std::uint32_t* p) {
  return reinterpret_cast<Words>(_mm512_load_si512(p));
}
UNSUPERPOSE_INLINE Words broadcast_word(std::uint32_t w) {
  return reinterpret_cast<Words>(_mm512_set1_epi32(static_cast<int>(w)));
}
UNSUPERPOSE_INLINE Sums accumulate(Sums sums, Words right, Words left) {
  return _mm512_dpbf16_ps(sums, right, left);
}
UNSUPERPOSE_INLINE void store_scaled(float* p, Sums sums, const float*, float) { store(p, sums); }

#include "avx512_bf16-inl.hpp"
#include "rounded-inl.hpp"

constexpr RoundedKernels kKernels = {kTileRows, 2, false, round, multiply_rounded};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx512_bf16
#endif
