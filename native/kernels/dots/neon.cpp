#include "dots.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::dots::neon {
using namespace simd::neon;
constexpr std::size_t kBlockRows = 4;  // 32 registers: 16 sums, 4 rows, a column
#include "dots-inl.hpp"
}  // namespace unsuperpose::dots::neon
#endif
