#include "draw.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::draw::scalar {
using namespace simd::scalar;
#include "draw-inl.hpp"
}  // namespace unsuperpose::draw::scalar
