#include "pursuit.hpp"
#include "../simd/region.hpp"

namespace unsuperpose::pursuit::avx2 {

#if defined(UNSUPERPOSE_HAS_AVX2)
UNSUPERPOSE_BEGIN_AVX2
constexpr std::size_t kLanes = 8;
#include "pursuit-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {residual_argmax};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::pursuit::avx2
