#include "draw.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::draw::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "draw-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::draw::avx2
#endif
