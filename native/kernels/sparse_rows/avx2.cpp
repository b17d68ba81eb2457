#include "sparse_rows.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::sparse_rows::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "sparse_rows-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {residual, residual32, axpy};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::sparse_rows::avx2
