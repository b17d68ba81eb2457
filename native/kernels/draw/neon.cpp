#include "draw.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::draw::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
using namespace simd::neon;
#include "draw-inl.hpp"

const Table kTable = {draw};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::draw::neon
