#include "pursuit.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::pursuit::scalar {

using namespace simd::scalar;
#include "pursuit-inl.hpp"

const Table kTable = {compress, subtract, above, correlate, residual};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::pursuit::scalar
