#include "reduce.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::reduce::scalar {
using namespace simd::scalar;
#include "reduce-inl.hpp"
}  // namespace unsuperpose::reduce::scalar
