// The choice of an operation's table, the same for every operation. In the operation's namespace, after `Table`,
// UNSUPERPOSE_DISPATCH(Table, table) declares the constant `<level>::kTable` of each level that the architecture has, which the
// operation's body (<op>-inl.hpp) defines, and
//   const Table* table(Isa isa)   the level's, or null if the binary does not have it
//   const Table& table()          that of the active level, chosen once
#pragma once
#include "isa.hpp"

#define UNSUPERPOSE_DECLARE_TABLE_(level, Type) \
  namespace level {                             \
  extern const Type kTable;                     \
  }
#define UNSUPERPOSE_TABLE_CASE_(level, Type) \
  case Isa::level:                           \
    return &level::kTable;

#define UNSUPERPOSE_DISPATCH(Type, table)                     \
  UNSUPERPOSE_BUILT_LEVELS(UNSUPERPOSE_DECLARE_TABLE_, Type)  \
  inline const Type* table(Isa isa) {                         \
    switch (isa) {                                            \
      UNSUPERPOSE_BUILT_LEVELS(UNSUPERPOSE_TABLE_CASE_, Type) \
      default: return nullptr;                                \
    }                                                         \
  }                                                           \
  inline const Type& table() {                                \
    static const Type* const chosen = table(active_isa());    \
    return *chosen;                                           \
  }
