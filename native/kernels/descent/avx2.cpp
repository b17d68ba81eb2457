#include <cstdint>

#include "descent.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::descent::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "descent-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {sweep, newton};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::descent::avx2
