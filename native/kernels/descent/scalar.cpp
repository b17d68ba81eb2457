#include <cstdint>

#include "descent.hpp"
#include "../simd/region.hpp"

namespace unsuperpose::descent::scalar {

constexpr std::size_t kLanes = 4;
#include "descent-inl.hpp"

const Table kTable = {sweep, newton};
const Table* table() { return &kTable; }

}  // namespace unsuperpose::descent::scalar
