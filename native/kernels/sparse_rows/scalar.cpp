#include "sparse_rows.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::sparse_rows::scalar {
using namespace simd::scalar;
#include "sparse_rows-inl.hpp"
}  // namespace unsuperpose::sparse_rows::scalar
