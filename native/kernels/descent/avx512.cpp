#include <cstdint>

#include "descent.hpp"
#include "../simd/region.hpp"

namespace unsuperpose::descent::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
constexpr std::size_t kLanes = 16;
#include "descent-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {sweep, newton};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::descent::avx512
