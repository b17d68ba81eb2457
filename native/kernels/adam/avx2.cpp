#include "adam.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::adam::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "adam-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::adam::avx2
#endif
