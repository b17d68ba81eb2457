#include "pursuit.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::pursuit::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "pursuit-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {compress, subtract, above, correlate, residual};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::pursuit::avx2
