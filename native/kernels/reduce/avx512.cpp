#include "reduce.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::reduce::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "reduce-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::reduce::avx512
#endif
