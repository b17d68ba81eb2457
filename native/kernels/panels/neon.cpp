#include "panels.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::panels::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
// Of 32 registers: 20 sums, and what is multiplied into them.
constexpr std::size_t kDimTile = 10, kFeatureTile = 10, kOuterFeatures = 4, kOuterDims = 5;
#include "panels-inl.hpp"

const Table kTable = {places,     encode, encode_places, pack,         decode,   multiply,
                      fold_lanes, outer,  add_tiles,     outer_places, add_signs};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::panels::neon
