#include <cstdint>

#include "descent.hpp"
#include "../simd/region.hpp"

namespace unsuperpose::descent::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
constexpr std::size_t kLanes = 8;
#include "descent-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {sweep, newton};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::descent::avx2
