#include "panels.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::panels::neon {
using namespace simd::neon;
// Of 32 registers: 20 sums, and what is multiplied into them.
constexpr std::size_t kDimTile = 10, kFeatureTile = 10, kOuterFeatures = 4, kOuterDims = 5;
#include "panels-inl.hpp"
}  // namespace unsuperpose::panels::neon
#endif
