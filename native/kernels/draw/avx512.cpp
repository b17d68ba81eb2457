#include "draw.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::draw::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "draw-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::draw::avx512
#endif
