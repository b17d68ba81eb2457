#include "shrink.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::shrink::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "shrink-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::shrink::avx2
#endif
