// Whole calls on a device: the rounds of the lasso and of pursuits (lasso.hpp and pursuit.hpp have their kernels), and the way back.
#pragma once
#include "rows.hpp"

namespace unsuperpose::cuda {

/// Solves `problem` over `rows`. What the device does not finish is left where it is, as unfinished.
void solve_lasso(Rows& rows, const UnsuperposeCudaLasso& problem, UnsuperposeCudaCodes& out);
void solve_pursuit(Rows& rows, const UnsuperposeCudaPursuit& problem, UnsuperposeCudaSupports& out);
/// out = codes · rows, dense.
void fold_codes(Rows& rows, const UnsuperposeCudaSparse& codes, float* out);

}  // namespace unsuperpose::cuda
