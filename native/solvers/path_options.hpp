// What the methods on the LASSO path share.
#pragma once
#include "method.hpp"

namespace unsuperpose {

struct PathOptions {
  std::vector<float> weights;  // empty or one a feature; finite, > 0
  bool nonnegative = false;
  double ridge = 0;  // β ≥ 0
  double tolerance = kDefaultTolerance;
  std::uint32_t max_iterations = 0;  // knots; 0: as many as ordinary paths take, and more
  bool float64 = false;              // codes in float64
  bool wide = false;                 // solve the data with their low parts
  bool inward = false;               // round codes towards zero

  Status check_path(ConstMatrix32 samples, const Dictionary& dictionary) const;
};

}  // namespace unsuperpose
