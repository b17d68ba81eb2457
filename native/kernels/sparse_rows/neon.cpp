#include "sparse_rows.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::sparse_rows::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
#include "sparse_rows-inl.hpp"

const Table kTable = {residual, residual32, axpy};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::sparse_rows::neon
