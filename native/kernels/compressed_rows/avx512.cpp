#include "compressed_rows.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
namespace unsuperpose::compressed_rows::avx512 {
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "compressed_rows-inl.hpp"
UNSUPERPOSE_END
}  // namespace unsuperpose::compressed_rows::avx512
#endif
