#include <cstdint>

#include "descent.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::descent::scalar {

using namespace simd::scalar;
#include "descent-inl.hpp"

const Table kTable = {sweep, newton};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::descent::scalar
