#include "kernels.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::product::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
using simd::avx512::max, simd::avx512::store;  // not the product's
// 24 sums, 4 of the panel and a broadcast: what 32 registers hold. Wider panels than 14 × 2 sums have proved
// faster: the left tile stays in L1, the panel streams from L2.
constexpr std::size_t kTileRows = 6, kTileRegisters = 4;
#include "product-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx512
#endif
