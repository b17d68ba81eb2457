#include "adam.hpp"
#include "../simd/avx2.hpp"

namespace unsuperpose::adam::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
#include "adam-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {step};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::adam::avx2
