#include "adam.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::adam::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "adam-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::adam::avx512
#endif
