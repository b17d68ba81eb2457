#include "dots.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::dots::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
constexpr std::size_t kBlockRows = 3;  // 16 registers: 12 sums, 3 rows, a column
#include "dots-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {gram, correlate, correlate32, dot};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::dots::avx2
