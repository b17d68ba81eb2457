#include "reduce.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::reduce::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
#include "reduce-inl.hpp"

const Table kTable = {squared_norm, absolute_sum, max_absolute, all_finite};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::reduce::neon
