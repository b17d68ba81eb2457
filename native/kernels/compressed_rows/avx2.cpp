#include "compressed_rows.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::compressed_rows::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "compressed_rows-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {compress, subtract, above};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::compressed_rows::avx2
