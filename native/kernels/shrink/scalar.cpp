#include "shrink.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::shrink::scalar {
using namespace simd::scalar;
#include "shrink-inl.hpp"
}  // namespace unsuperpose::shrink::scalar
