#include "sparse_rows.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::sparse_rows::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "sparse_rows-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {residual, residual32, axpy};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::sparse_rows::avx512
