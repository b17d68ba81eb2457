#include "pursuit.hpp"
#include "../simd/region.hpp"

namespace unsuperpose::pursuit::avx512 {

#if defined(UNSUPERPOSE_HAS_AVX512)
UNSUPERPOSE_BEGIN_AVX512
constexpr std::size_t kLanes = 16;
#include "pursuit-inl.hpp"
UNSUPERPOSE_END

const Table kTable = {residual_argmax};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::pursuit::avx512
