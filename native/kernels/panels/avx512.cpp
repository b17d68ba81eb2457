#include "panels.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::panels::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
// Of 32 registers: 20 sums, and what is multiplied into them.
constexpr std::size_t kDimTile = 10, kFeatureTile = 10, kOuterFeatures = 4, kOuterDims = 5;
#include "panels-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::panels::avx512
#endif
