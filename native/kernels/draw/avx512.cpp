#include "draw.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::draw::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "draw-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {draw};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::draw::avx512
