// The inner step of Batch-OMP (Rubinstein, Zibulevsky & Elad 2008): the correlations of all atoms with the
// residual, from those with the sample and the Gram rows of the chosen atoms, and the strongest of them.
#pragma once
#include <cstddef>

#include "../isa.hpp"

namespace unsuperpose::pursuit {

/// Rows start on 64-byte boundaries and may be read up to the next multiple of kPadding floats, where
/// they hold zeros.
inline constexpr std::size_t kPadding = 16;

struct Strongest {
  std::size_t index;  // the lowest among equals
  float value;        // α at the index; index = features if no value is (positively) nonzero
};

struct Table {
  /// α = initial − Σ_i factors[i]·rows[i] over `features` entries, a tile at a time and never stored;
  /// returns the entry of largest |α|, or of largest α > 0 with positive_only.
  /// |error| ≤ (count + 1)·2⁻²³·(|initial_j| + Σ_i |factors[i]·rows[i][j]|) to first order.
  Strongest (*residual_argmax)(const float* initial, const float* const* rows, const float* factors, std::size_t count,
                               std::size_t features, bool positive_only);
};

const Table* table(Isa isa);
const Table& table();

}  // namespace unsuperpose::pursuit
