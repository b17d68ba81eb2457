#include "reduce.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::reduce::scalar {

using namespace simd::scalar;
#include "reduce-inl.hpp"

const Table kTable = {squared_norm, absolute_sum, max_absolute, all_finite};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::reduce::scalar
