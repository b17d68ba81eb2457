#include "shrink.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::shrink::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "shrink-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::shrink::avx512
#endif
