// The one gate that answers pass before they leave: nothing that is not a number, and nothing that was not shown, passes for success.
#pragma once
#include <vector>

#include "batch.hpp"
#include "method.hpp"
#include "samples.hpp"

namespace unsuperpose {

/// Looks again at the answers for `samples`, in the caller's units; those that are what they should be stay as they are.
///  - A code or a figure that is not finite becomes the zero code, which counts as unfinished.
///  - A convex method's answer that missed its tolerance, or whose code float32 could not hold, is judged in float64 as it is: where
///    only a bound of rounding errors stood in its way, it has converged. What missed it for want of precision is solved on in
///    float64 (refine.hpp), unless it was the caller's own limit of iterations that ended it. A code that is worse than
///    zero becomes zero.
///  - No answer is converged whose gap is not at most the tolerance.
/// Not judged: answers at λ = 0, which know of themselves whether they are least squares.
/// `first` is the place of the batch in the call. `own_lambda`: each answer says its λ. `clamped`: what was solved had other
/// weights (range.hpp).
Status review(const Samples& samples, const Dictionary& dictionary, const Method& method, std::size_t first,
              const Execution& execution, std::vector<SampleResult>& results, bool own_lambda, bool clamped);

}  // namespace unsuperpose
