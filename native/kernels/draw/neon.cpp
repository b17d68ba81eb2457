#include "draw.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::draw::neon {
using namespace simd::neon;
#include "draw-inl.hpp"
}  // namespace unsuperpose::draw::neon
#endif
