// Where the two sides of a product of features meet: v_ji = d_jᵀ M_1 M_2 ⋯ M_k e_i can be cut anywhere between the matrices, and is
// cheapest where the chain is narrowest.
#pragma once
#include <memory>
#include <vector>

#include "pairs.hpp"

namespace unsuperpose {

/// The matrices of W = M_1 M_2 ⋯ M_k, M_1 with as many rows as `to` has dims, M_k with as many columns as `from`; none for the
/// identity. Owned by the caller.
using MatrixChain = std::vector<ConstMatrix32>;

/// Makes the pairs s_j t_i d_jᵀ W e_i. Scales may be null (ones), entries are finite and not negative. The chain's shapes must fit. ERR_OPTION if
/// a feature's norm exceeds 1e18 under way.
Status make_pairs(std::shared_ptr<const Dictionary> from, const MatrixChain& chain,
                  std::shared_ptr<const Dictionary> to, const double* from_scale, const double* to_scale,
                  const Execution& execution, std::unique_ptr<FeaturePairs>& out);

}  // namespace unsuperpose
