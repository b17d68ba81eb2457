// bfloat16 by tdpbf16ps (AMX).
#include <cstring>

#include "amx.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::product::amx_bf16 {
UNSUPERPOSE_BEGIN_AMX
using namespace simd::avx512;
#include "avx512_bf16-inl.hpp"

void finish(std::size_t rows, const std::int32_t*, const float*, const float*, const std::uint32_t* sums,
            float* c, std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r)
    std::memcpy(c + r * stride, sums + r * amx::kPanel, amx::kPanel * sizeof(float));
}
#define UNSUPERPOSE_AMX_PRODUCT(sums, left, right) _tile_dpbf16ps(sums, left, right)
#include "amx-inl.hpp"

constexpr RoundedKernels kKernels = {amx::kRows, 2, false, round, multiply_amx,
                                     nullptr,    0, kSide, 16,    amx::kGroupBytes};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::amx_bf16
#endif
