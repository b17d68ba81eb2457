#include "descent.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::descent::scalar {
using namespace simd::scalar;
#include "descent-inl.hpp"
}  // namespace unsuperpose::descent::scalar
