#include "dots.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::dots::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
constexpr std::size_t kBlockRows = 3;  // 16 registers: 12 sums, 3 rows, a column
#include "dots-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::dots::avx2
#endif
