#include "shrink.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::shrink::scalar {

using namespace simd::scalar;
#include "shrink-inl.hpp"

const Table kTable = {soft};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::shrink::scalar
