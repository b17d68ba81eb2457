#include "sparse_rows.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::sparse_rows::avx2 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "sparse_rows-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::sparse_rows::avx2
#endif
