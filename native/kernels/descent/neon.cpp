#include <cstdint>

#include "descent.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::descent::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
#include "descent-inl.hpp"

const Table kTable = {sweep, newton};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::descent::neon
