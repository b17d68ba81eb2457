#include "shrink.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::shrink::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "shrink-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {soft};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::shrink::avx512
