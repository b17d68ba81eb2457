#include <cstdint>

#include "descent.hpp"

namespace unsuperpose::descent::neon {

#if defined(__aarch64__)
constexpr std::size_t kLanes = 4;

#include "descent-inl.hpp"


const Table kTable = {sweep, newton};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::descent::neon
