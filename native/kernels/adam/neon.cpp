#include "adam.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::adam::neon {
using namespace simd::neon;
#include "adam-inl.hpp"
}  // namespace unsuperpose::adam::neon
#endif
