#include "adam.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::adam::scalar {

using namespace simd::scalar;
#include "adam-inl.hpp"

const Table kTable = {step};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::adam::scalar
