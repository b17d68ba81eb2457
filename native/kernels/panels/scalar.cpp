#include "panels.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::panels::scalar {
using namespace simd::scalar;
// Of 16 registers: 10 sums, and what is multiplied into them.
constexpr std::size_t kDimTile = 5, kFeatureTile = 5, kOuterFeatures = 2, kOuterDims = 5;
#include "panels-inl.hpp"
}  // namespace unsuperpose::panels::scalar
