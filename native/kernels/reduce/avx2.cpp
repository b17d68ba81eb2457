#include "reduce.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::reduce::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "reduce-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::reduce::avx2
#endif
