#include "sparse_rows.hpp"

namespace unsuperpose::sparse_rows {

namespace scalar { const Table* table(); }
namespace avx2 { const Table* table(); }
namespace avx512 { const Table* table(); }
namespace neon { const Table* table(); }

const Table* table(Isa isa) {
  switch (isa) {
    case Isa::scalar: return scalar::table();
    case Isa::avx2: return avx2::table();
    case Isa::avx512: return avx512::table();
    case Isa::neon: return neon::table();
  }
  return nullptr;
}

const Table& table() {
  static const Table* const chosen = table(active_isa());
  return *chosen;
}

}  // namespace unsuperpose::sparse_rows
