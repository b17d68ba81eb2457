#include "descent.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::descent::neon {
using namespace simd::neon;
#include "descent-inl.hpp"
}  // namespace unsuperpose::descent::neon
#endif
