// Directions that know nothing of the data: the baseline of every score.
#pragma once
#include <cstdint>

#include "../core/execution.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

/// Rows of unit norm, uniform on the sphere. Row i depends on the seed and i alone.
void random_directions(std::uint64_t seed, const Execution& execution, Matrix32 out);

}  // namespace unsuperpose
