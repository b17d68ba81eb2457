// int8 by vpdpbusd (VNNI).
#include "rounded.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
#define UNSUPERPOSE_BEGIN_VNNI \
  UNSUPERPOSE_BEGIN_TARGET_("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c,popcnt")
namespace unsuperpose::product::avx512_int8 {
UNSUPERPOSE_BEGIN_VNNI
using namespace simd::avx512;
using simd::avx512::max, simd::avx512::store;  // not the product's
#include "avx512_integers-inl.hpp"
// Unsigned bytes on the right, signed ones on the left; sums wrap, and their final value fits.
UNSUPERPOSE_INLINE Sums accumulate(Sums sums, Words right, Words left) {
  return reinterpret_cast<Sums>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums), right, left));
}
#include "round-inl.hpp"
#include "rounded-inl.hpp"

constexpr RoundedKernels kKernels = {kTileRows, 4, true, round_integers<std::int8_t>, multiply_rounded};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx512_int8
#endif
