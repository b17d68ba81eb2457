#include "descent.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::descent::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "descent-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::descent::avx2
#endif
