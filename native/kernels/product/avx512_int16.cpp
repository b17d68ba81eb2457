// int16 by vpmaddwd (AVX-512 BW).
#include "rounded.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::product::avx512_int16 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
using simd::avx512::max, simd::avx512::store;  // not the product's
#include "avx512_integers-inl.hpp"
UNSUPERPOSE_INLINE Sums accumulate(Sums sums, Words right, Words left) {
  return sums + reinterpret_cast<Sums>(_mm512_madd_epi16(right, left));
}
#include "round-inl.hpp"
#include "rounded-inl.hpp"

constexpr RoundedKernels kKernels = {kTileRows, 2, false, round_integers<std::int16_t>, multiply_rounded};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx512_int16
#endif
