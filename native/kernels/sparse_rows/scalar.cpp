#include "sparse_rows.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::sparse_rows::scalar {

using namespace simd::scalar;
#include "sparse_rows-inl.hpp"

const Table kTable = {residual, residual32, axpy};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::sparse_rows::scalar
