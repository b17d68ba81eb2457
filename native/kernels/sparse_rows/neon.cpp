#include "sparse_rows.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::sparse_rows::neon {
using namespace simd::neon;
#include "sparse_rows-inl.hpp"
}  // namespace unsuperpose::sparse_rows::neon
#endif
