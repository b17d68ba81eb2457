// TopK encoding: for each row the k atoms of largest d_j·x, exactly as float64 ranks them.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/view.hpp"
#include "../core/status.hpp"
#include "../kernels/product/product.hpp"
#include "dictionary.hpp"

namespace unsuperpose {

/// The k strongest atoms of each row of `rows` (n × dims, finite), ties by lower index, strongest first, or `ascending` by index: strength = d_j·x, or
/// |d_j·x| when `absolute`. 1 ≤ k ≤ features. Scores rank as float64 sums of exact products (dots::Table::dot); `values`
/// are they, rounded to float32. Nothing is valid if the call was cancelled.
///
/// All atoms are scored in the cheapest precision whose error bound E (bound.hpp) is small beside the
/// spacing of scores, and what lies within 2E of the k-th is listed. The k that score highest are multiplied out in float64; of the others
/// those that lie within E of the weakest of these. Rows whose scores are too close together for
/// that, or overflow, go on in float32, and in the last resort every atom is scored in float64.
void top_k(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t k, bool absolute,
           const Execution& execution, std::uint32_t* indices, float* values, bool ascending = false);

/// What product::above() answers, of products as float64 has them, rounded to float32: for a device, whose own are too rough. threshold > 0;
/// no product may overflow float32. ERR_TOO_LARGE beyond `limit` entries.
Status above_in_float64(ConstMatrix32 rows, const Dictionary& dictionary, float threshold, bool absolute,
                        std::size_t limit, const Execution& execution,
                        std::vector<std::vector<product::Entry>>& out);

}  // namespace unsuperpose
