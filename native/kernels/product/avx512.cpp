#include "kernels.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::product::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
using simd::avx512::max, simd::avx512::store;  // not the product's
// 14 × 2 sums, 2 of the panel and a broadcast: what the registers hold
constexpr std::size_t kTileRows = 14, kTileRegisters = 2;
#include "product-inl.hpp"
UNSUPERPOSE_END

const Kernels kKernels = {kPanel, kTileRows, multiply, filter, strongest};
const Kernels* kernels() { return &kKernels; }
#else
const Kernels* kernels() { return nullptr; }
#endif

}  // namespace unsuperpose::product::avx512
