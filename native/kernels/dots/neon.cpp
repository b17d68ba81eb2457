#include "dots.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::dots::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
constexpr std::size_t kBlockRows = 4;  // 32 registers: 16 sums, 4 rows, a column
#include "dots-inl.hpp"

const Table kTable = {gram, correlate, correlate32, dot};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::dots::neon
