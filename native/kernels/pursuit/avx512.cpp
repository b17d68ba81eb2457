#include "pursuit.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::pursuit::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "pursuit-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {compress, subtract, above, correlate, residual};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::pursuit::avx512
