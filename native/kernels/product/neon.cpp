#include "kernels.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::product::neon {
using namespace simd::neon;
using simd::neon::max, simd::neon::store;  // not the product's
// 24 sums, 4 of the panel and a broadcast: what 32 registers hold
constexpr std::size_t kTileRows = 6, kTileRegisters = 4;
#include "product-inl.hpp"
}  // namespace unsuperpose::product::neon
#endif
