#include "kernels.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::product::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
using simd::avx2::max, simd::avx2::store;  // not the product's
// 12 sums, 3 of the panel and a broadcast: what 16 registers hold
constexpr std::size_t kTileRows = 4, kTileRegisters = 3;
#include "product-inl.hpp"
UNSUPERPOSE_END

const Kernels kKernels = {kPanel, kTileRows, multiply, filter, cut, order, strongest};
const Kernels* kernels() { return &kKernels; }
#else
const Kernels* kernels() { return nullptr; }
#endif

}  // namespace unsuperpose::product::avx2
