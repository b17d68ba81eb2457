#include "reduce.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::reduce::neon {
using namespace simd::neon;
#include "reduce-inl.hpp"
}  // namespace unsuperpose::reduce::neon
#endif
