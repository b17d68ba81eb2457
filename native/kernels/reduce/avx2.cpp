#include "reduce.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::reduce::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "reduce-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {squared_norm, absolute_sum, max_absolute, all_finite};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::reduce::avx2
