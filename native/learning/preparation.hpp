// Bringing activations to a common origin and size before they are unfolded or learned from: z = (x − center) · scale.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

enum class Origin { given, mean, median };
/// What the mean of ‖z‖² is to be: anything (the scale is given), 1, or the number of dims.
enum class Size { given, unit, dims };

struct PreparationOptions {
  Origin origin = Origin::given;
  Size size = Size::given;
  std::vector<double> center;  // dims, where it is given
  double scale = 1;            // > 0, where it is given
};

struct Preparation {
  std::vector<double> center;
  double scale = 1;
  /// Of the geometric median y: (f(y) − min f) / f(y) is at most this, f(y) = Σ‖x_i − y‖. 0 for other origins.
  double bound = 0;
  std::uint32_t iterations = 0;  // passes over the samples that the median took
};

/// The geometric median stops at this bound, or after kMedianPasses.
inline constexpr double kMedianTolerance = 1e-6;
inline constexpr std::uint32_t kMedianPasses = 2000;

/// Finds center and scale of `samples` (finite), in float64. One pass for a mean, one for a size, some ten for the median of data in many
/// dims. Bits do not depend on the number of threads. ERR_CANCELLED.
///
/// The geometric median by Weiszfeld's iteration with the steps of Vardi and Zhang (PNAS 2000) where an iterate meets a sample. For the least
/// subgradient g at y, f(y) − f* ≤ ‖g‖‖y − y*‖, and n‖y − y*‖ ≤ f(y) + f* ≤ 2f(y): the bound is 2‖g‖/n. Towards a median that is
/// one of the samples the iteration crawls: the sample nearest to the iterate is tried now and then.
template <class T>
Status find_preparation(MatrixView<const T> samples, const PreparationOptions& options,
                        const Execution& execution, Preparation& out);

/// to = (from − center) · scale, or back: from / scale + center; in float64, rounded once. `to` may be `from`.
template <class T>
void move_rows(MatrixView<const T> from, const double* center, double scale, bool back, MatrixView<T> to,
               const Execution& execution);

}  // namespace unsuperpose
