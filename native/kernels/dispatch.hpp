// The choice of an operation's table, the same for every operation: `<op>.cpp` is this macro in the operation's
// namespace, whose levels define `const Table* table()` each in a namespace of its own.
#pragma once
#include "isa.hpp"

#define UNSUPERPOSE_DISPATCH_TABLES                         \
  namespace scalar {                                        \
  const Table* table();                                     \
  }                                                         \
  namespace avx2 {                                          \
  const Table* table();                                     \
  }                                                         \
  namespace avx512 {                                        \
  const Table* table();                                     \
  }                                                         \
  namespace neon {                                          \
  const Table* table();                                     \
  }                                                         \
  const Table* table(Isa isa) {                             \
    switch (isa) {                                          \
      case Isa::scalar: return scalar::table();             \
      case Isa::avx2: return avx2::table();                 \
      case Isa::avx512: return avx512::table();             \
      case Isa::neon: return neon::table();                 \
    }                                                       \
    return nullptr;                                         \
  }                                                         \
  const Table& table() {                                    \
    static const Table* const chosen = table(active_isa()); \
    return *chosen;                                         \
  }
