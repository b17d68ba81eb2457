#include "draw.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::draw::scalar {

using namespace simd::scalar;
#include "draw-inl.hpp"

const Table kTable = {draw};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::draw::scalar
