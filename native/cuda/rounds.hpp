// The rounds of the lasso on a device (lasso.hpp has its kernels).
#pragma once
#include "rows.hpp"

namespace unsuperpose::cuda {

/// Solves `problem` over `rows`. What the device does not finish is left where it is, as unfinished.
void solve_lasso(Rows& rows, const UnsuperposeCudaLasso& problem, UnsuperposeCudaCodes& out);

}  // namespace unsuperpose::cuda
