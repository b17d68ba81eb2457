#include "toy.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::toy::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
// Of 16 registers: 10 sums, and what is multiplied into them.
constexpr std::size_t kDimTile = 5, kFeatureTile = 5, kOuterFeatures = 2, kOuterDims = 5;
#include "toy-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {draw,       places, encode,    encode_places, pack,   decode, multiply,
                      fold_lanes, outer,  add_tiles, outer_places,  shrink, adam};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::toy::avx2
