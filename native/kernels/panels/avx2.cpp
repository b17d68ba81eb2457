#include "panels.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::panels::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
// Of 16 registers: 10 sums, and what is multiplied into them.
constexpr std::size_t kDimTile = 5, kFeatureTile = 5, kOuterFeatures = 2, kOuterDims = 5;
#include "panels-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::panels::avx2
#endif
