#include "toy.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::toy::scalar {

using namespace simd::scalar;
// Of 16 registers: 10 sums, and what is multiplied into them.
constexpr std::size_t kDimTile = 5, kFeatureTile = 5, kOuterFeatures = 2, kOuterDims = 5;
#include "toy-inl.hpp"

const Table kTable = {draw,       places, encode,    encode_places, pack,   decode, multiply,
                      fold_lanes, outer,  add_tiles, outer_places,  shrink, adam};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::toy::scalar
