#include "dots.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::dots::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
constexpr std::size_t kBlockRows = 6;  // 32 registers: 24 sums, 6 rows, a column
#include "dots-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {gram, correlate, correlate32, dot};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::dots::avx512
