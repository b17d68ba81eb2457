#include "compressed_rows.hpp"
#include "../simd/neon.hpp"

namespace unsuperpose::compressed_rows::neon {

#if defined(UNSUPERPOSE_HAS_NEON)

using namespace simd::neon;
#include "compressed_rows-inl.hpp"

const Table kTable = {compress, subtract, above};
const Table* table() { return &kTable; }
#else
const Table* table() { return nullptr; }
#endif

}  // namespace unsuperpose::compressed_rows::neon
