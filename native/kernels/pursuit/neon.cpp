#include "pursuit.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::pursuit::neon {

#if defined(UNSUPERPOSE_HAS_NEON)

using namespace simd::neon;
#include "pursuit-inl.hpp"

const Table kTable = {compress, subtract, above, correlate, residual};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::pursuit::neon
