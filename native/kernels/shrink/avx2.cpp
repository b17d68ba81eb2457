#include "shrink.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::shrink::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "shrink-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {soft};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::shrink::avx2
