#pragma once

#include "../scoring/scorer.hpp"

namespace unsuperpose {

/// How many scorings of a residual a row of the Gram matrix costs, which is one in float32: made with all others, and with the few that wait
/// together, which read all atoms for themselves. Measured on W3 of the benchmark with AMX; elsewhere by the ratio of the products.
struct RowCost {
  unsigned together, alone;
};
inline RowCost row_cost(product::Precision scored) {
  if (scored == product::Precision::int8) return has(Capability::amx_int8) ? RowCost{5, 14} : RowCost{3, 6};
  return scored == product::Precision::bfloat16 ? RowCost{2, 2} : RowCost{1, 1};
}

/// The precisions that a pursuit scores in. The bytes of AVX2 save less than the atoms cost that their bound leaves open after the first choices.
inline scoring::Ladder pursuit_ladder() {
  return active_isa() == Isa::avx2 ? scoring::Ladder::finest : scoring::Ladder::every;
}

}  // namespace unsuperpose
