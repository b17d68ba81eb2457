// min ½‖x − aD‖² subject to Σ w_j|a_j| ≤ R (a ≥ 0 when nonnegative; Tibshirani 1996), from the LASSO path: Σ w_j|a_j(λ)| grows as λ
// falls, linearly between two knots, so that the λ where it comes to R has a closed form (Osborne, Presnell & Turlach 2000).
//
// The certificate is that of the problem itself. For any θ and any a in the ball
//   ½‖x − aD‖² ≥ x·θ − ½‖θ‖² − aD·θ ≥ x·θ − ½‖θ‖² − R max_j |d_j·θ|/w_j   (nonnegative: max_j d_j·θ/w_j, at least 0),
// and θ is the best multiple of the residual.
#include "ball.hpp"

#include <algorithm>
#include <cmath>

#include "path_batch.hpp"
#include "path_end.hpp"

namespace unsuperpose {

namespace {

/// Knots below this share of λ_max are rounding: the segment above them goes on to λ = 0.
constexpr double kEnd = 1e-10;
/// Radii are at most this: far beyond every code, and no product with them overflows.
constexpr double kMostRadius = 0x1.0p400;
/// Multiples of the residual beyond this are never wanted (1 is, at the solution), and would blow rounding up where it is next to nothing.
constexpr double kLargestMultiple = 2;

class BallBatch final : public PathBatch {
 public:
  BallBatch(const ScaledBatch& batch, const Dictionary& dictionary, const LassoBall& method,
            std::size_t first, const Execution& execution, std::vector<SampleResult>& out)
      : PathBatch(batch, dictionary, method, first, execution, out), method_(method) {}

 private:
  double radius(const PathSample& sample) const {
    const double given = per_sample<double>(method_.radius, first_ + sample.slot);
    return std::min(batch_.penalty_to_scaled(sample.slot, given), kMostRadius);
  }
  double first_threshold(const PathSample&) const override { return 0; }

  /// The code of weighted ℓ1 norm `radius` is at this λ of the path's segment; negative if the norm stays below.
  static double lambda_of_norm(const LassoPath& path, const Candidates& candidates, double radius) {
    double most = 0, rate = 0;
    for (std::size_t k = 0; k < path.active().size(); ++k) {
      const double sign = path.signs()[k] * candidates.weight(path.active()[k]);
      most += sign * path.constant()[k];
      rate += sign * path.slope()[k];
    }
    return most > radius && rate > 0 ? (most - radius) / rate : -1;
  }

  void solve(PathSample& sample) override {
    const double radius = this->radius(sample);
    LassoPath path(sample.candidates, options_.nonnegative, 0);
    sample.knots = 0;
    sample.limited = false;
    const double largest = path.next().lambda;
    double lambda = 0;
    for (;;) {
      const LassoPath::Event event = path.next();
      const double floor = event.lambda > kEnd * largest ? event.lambda : 0;
      const bool settled = !path.active().empty() && !path.here(event);
      const double reached = settled ? lambda_of_norm(path, sample.candidates, radius) : -1;
      if (settled && reached >= floor) {
        lambda = std::min(reached, path.lambda());
        break;
      }
      if (floor == 0) break;
      if (!step(sample, path, event)) {
        lambda = path.lambda();
        break;
      }
    }
    sample.lambda = lambda;
    take_codes(sample, path, lambda);
    ask_residual(sample, path, lambda);
  }

  double gap(const PathSample& sample, double strongest) const {
    const Evaluation& at = sample.at;
    if (at.squared_input == 0) return 0;
    // Least squares that are in the ball, whatever the radius.
    const double rounding = kOrthogonal * std::sqrt(at.squared_input) * screening_.largest();
    if (sample.lambda == 0 && strongest <= rounding) return least_squares_gap(at, 0);
    const double linear = at.input_residual - radius(sample) * strongest;
    double s = at.squared_rounded > 0 ? linear / at.squared_rounded : 1;
    s = std::clamp(s, 0.0, kLargestMultiple);
    const double dual = s * linear - 0.5 * s * s * at.squared_rounded;
    return gap_between(0.5 * at.squared_residual, dual, at.squared_input);
  }
  bool settled(const PathSample& sample, double strongest) const override {
    return gap(sample, strongest) <= options_.tolerance;
  }

  void conclude(PathSample& sample, double strongest) override {
    if (sample.lambda == 0) strongest = strongest_exactly(sample);
    sample.gap = gap(sample, strongest);
    if (sample.gap > options_.tolerance)
      sample.outcome = sample.limited ? Outcome::iterations : Outcome::stalled;
    out_[sample.slot].iterations = sample.knots;
    finish(sample, 0.5 * sample.at.squared_residual);
  }

  const LassoBall& method_;
};

}  // namespace

Status LassoBall::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  Status status = check_path(samples, dictionary);
  if (status.ok()) status = check_atoms(dictionary, float64 || wide);
  if (status.ok()) status = check_per_sample("radius", radius.size(), samples.rows);
  for (const double one : radius)
    if (status.ok() && (!(one >= 0) || !std::isfinite(one)))
      status = Status::fail(Code::option, "radius must be finite and not negative");
  return status;
}

BatchSolver LassoBall::start(const Dictionary& dictionary, std::size_t, const Execution& execution) const {
  return [&, this](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    return BallBatch(batch, dictionary, *this, first, execution, out).run(nullptr);
  };
}

}  // namespace unsuperpose
