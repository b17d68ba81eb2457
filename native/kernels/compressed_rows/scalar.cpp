#include "compressed_rows.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::compressed_rows::scalar {

using namespace simd::scalar;
#include "compressed_rows-inl.hpp"

const Table kTable = {compress, subtract, above};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::compressed_rows::scalar
