#include "dots.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::dots::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
constexpr std::size_t kBlockRows = 6;  // 32 registers: 24 sums, 6 rows, a column
#include "dots-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::dots::avx512
#endif
