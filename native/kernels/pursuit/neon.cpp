#include "pursuit.hpp"
#include "../simd/region.hpp"

namespace unsuperpose::pursuit::neon {

#if defined(UNSUPERPOSE_HAS_NEON)
constexpr std::size_t kLanes = 4;
#include "pursuit-inl.hpp"

const Table kTable = {residual_argmax};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::pursuit::neon
