// int8 by tdpbsud (AMX): the bits of avx512_int8.cpp.
#include <cstring>

#include "amx.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::product::amx_int8 {
UNSUPERPOSE_BEGIN_AMX
using namespace simd::avx512;
using simd::avx512::max, simd::avx512::store;  // not the product's
#include "avx512_integers-inl.hpp"
#include "round-inl.hpp"

void finish(std::size_t rows, const std::int32_t* starts, const float* row_scales, const float* column_scales,
            const std::uint32_t* sums, float* c, std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    const __m512i start = _mm512_set1_epi32(starts[r]);
    const Vector scale = broadcast(row_scales[r]);
    for (std::size_t v = 0; v < amx::kPanel; v += kLanes) {
      const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + r * amx::kPanel + v), start);
      store(c + r * stride + v, mul(mul(_mm512_cvtepi32_ps(sum), load(column_scales + v)), scale));
    }
  }
}
// Signed bytes on the left, unsigned ones on the right; sums wrap, and their final value fits.
#define UNSUPERPOSE_AMX_PRODUCT(sums, left, right) _tile_dpbsud(sums, left, right)
#include "amx-inl.hpp"

constexpr RoundedKernels kKernels = {
    amx::kRows, 4, true, round_integers<std::int8_t>, multiply_amx, nullptr, 0, kSide, 32, amx::kGroupBytes};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::amx_int8
#endif
