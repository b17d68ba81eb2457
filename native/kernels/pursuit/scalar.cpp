#include "pursuit.hpp"
#include "../simd/region.hpp"

namespace unsuperpose::pursuit::scalar {

constexpr std::size_t kLanes = 4;
#include "pursuit-inl.hpp"

const Table kTable = {residual_argmax};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::pursuit::scalar
