#include "compressed_rows.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::compressed_rows::scalar {
using namespace simd::scalar;
#include "compressed_rows-inl.hpp"
}  // namespace unsuperpose::compressed_rows::scalar
