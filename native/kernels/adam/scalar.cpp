#include "adam.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::adam::scalar {
using namespace simd::scalar;
#include "adam-inl.hpp"
}  // namespace unsuperpose::adam::scalar
