#include "dots.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::dots::scalar {
using namespace simd::scalar;
constexpr std::size_t kBlockRows = 2;  // 16 registers, and two-operand instructions
#include "dots-inl.hpp"
}  // namespace unsuperpose::dots::scalar
