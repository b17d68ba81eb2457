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
#include "avx512_integers-inl.hpp"
UNSUPERPOSE_INLINE Sums accumulate(Sums sums, Words right, Words left) {
  return reinterpret_cast<Sums>(_mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sums), right, left));
}
#include "round-inl.hpp"
#include "rounded-inl.hpp"

constexpr RoundedKernels kKernels = {kTileRows, 2, false, round_integers<std::int16_t>, multiply_rounded};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx512_vnni_int16
#endif
