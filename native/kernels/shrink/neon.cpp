#include "shrink.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::shrink::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
#include "shrink-inl.hpp"

const Table kTable = {soft};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::shrink::neon
