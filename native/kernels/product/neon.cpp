#include "kernels.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::product::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
using simd::neon::max, simd::neon::store;  // not the product's
// 24 sums, 4 of the panel and a broadcast: what 32 registers hold
constexpr std::size_t kTileRows = 6, kTileRegisters = 4;
#include "product-inl.hpp"

const Kernels kKernels = {kPanel, kTileRows, multiply, filter, cut, order, strongest};
const Kernels* kernels() { return &kKernels; }
#else
const Kernels* kernels() { return nullptr; }
#endif

}  // namespace unsuperpose::product::neon
