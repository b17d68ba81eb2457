#include "kernels.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::product::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
using simd::avx2::max, simd::avx2::store;  // not the product's
// 12 sums, 3 of the panel and a broadcast: what 16 registers hold
constexpr std::size_t kTileRows = 4, kTileRegisters = 3;
#include "product-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx2
#endif
