#include "descent.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::descent::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "descent-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::descent::avx512
#endif
