#include "reduce.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::reduce::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "reduce-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {squared_norm, absolute_sum, max_absolute, all_finite};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::reduce::avx512
