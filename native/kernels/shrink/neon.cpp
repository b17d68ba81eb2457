#include "shrink.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::shrink::neon {
using namespace simd::neon;
#include "shrink-inl.hpp"
}  // namespace unsuperpose::shrink::neon
#endif
