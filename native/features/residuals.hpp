// What a dictionary leaves of samples.
#pragma once
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../learning/directions.hpp"

namespace unsuperpose {

/// x − aD in float32 (samples × dims) and ‖x − aD‖², with codes that are given, or unfolded where `codes` is null. Counts
/// samples as progress.
Status residuals(ConstMatrix32 samples, const SparseCodes* codes, const Dictionary& dictionary,
                 const DirectionOptions& options, const Execution& execution, AlignedBuffer<float>& out,
                 std::vector<double>& energy);

}  // namespace unsuperpose
