// The rounds of the lasso and of pursuits on a device (lasso.hpp and pursuit.hpp have their kernels).
#pragma once
#include "rows.hpp"

namespace unsuperpose::cuda {

/// Solves `problem` over `rows`. What the device does not finish is left where it is, as unfinished.
void solve_lasso(Rows& rows, const UnsuperposeCudaLasso& problem, UnsuperposeCudaCodes& out);
void solve_pursuit(Rows& rows, const UnsuperposeCudaPursuit& problem, UnsuperposeCudaSupports& out);

}  // namespace unsuperpose::cuda
