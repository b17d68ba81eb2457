#include "draw.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::draw::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "draw-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {draw};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::draw::avx2
