#include "adam.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::adam::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
#include "adam-inl.hpp"

const Table kTable = {step};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::adam::neon
