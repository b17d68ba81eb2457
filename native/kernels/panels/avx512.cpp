#include "panels.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::panels::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
// Of 32 registers: 20 sums, and what is multiplied into them.
constexpr std::size_t kDimTile = 10, kFeatureTile = 10, kOuterFeatures = 4, kOuterDims = 5;
#include "panels-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {places,     encode, encode_places, pack,         decode,   multiply,
                      fold_lanes, outer,  add_tiles,     outer_places, add_signs};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::panels::avx512
