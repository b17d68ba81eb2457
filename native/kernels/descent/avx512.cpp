#include <cstdint>

#include "descent.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::descent::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "descent-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {sweep, newton};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::descent::avx512
