#include "adam.hpp"
#include "../simd/avx512.hpp"

namespace unsuperpose::adam::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
using namespace simd::avx512;
#include "adam-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {step};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::adam::avx512
