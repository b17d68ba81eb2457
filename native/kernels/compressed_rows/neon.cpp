#include "compressed_rows.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::compressed_rows::neon {
using namespace simd::neon;
#include "compressed_rows-inl.hpp"
}  // namespace unsuperpose::compressed_rows::neon
#endif
