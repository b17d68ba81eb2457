// Reductions over one contiguous row. Sums run in float64 over a fixed number of lanes and a fixed
// tree, so they are the same for any number of threads (levels differ in the last bits).
#pragma once
#include <cstddef>

#include "../dispatch.hpp"

namespace unsuperpose::reduce {

struct Table {
  double (*squared_norm)(const float* x, std::size_t n);  // Σ x²
  double (*absolute_sum)(const float* x, std::size_t n);  // Σ |x|
  float (*max_absolute)(const float* x, std::size_t n);   // max |x|, 0 for n = 0; NaN is ignored
  bool (*all_finite)(const float* x, std::size_t n);      // no NaN, no ±Inf
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::reduce
