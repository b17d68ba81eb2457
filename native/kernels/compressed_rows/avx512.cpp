#include "compressed_rows.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::compressed_rows::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "compressed_rows-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {compress, subtract, above};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::compressed_rows::avx512
