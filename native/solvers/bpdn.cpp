// Basis pursuit denoising: min Σ w_j|a_j| subject to ‖x − aD‖ ≤ ε (a ≥ 0 when nonnegative), from the LASSO path: its
// solutions are those of LASSO at the λ where ‖x − a(λ)D‖ = ε (Osborne, Presnell & Turlach 2000; van den Berg & Friedlander 2008),
// and on each segment ‖r‖² is quadratic in λ, so that this λ has a closed form.
//
// With r₀ the least squares residual on the active atoms and v = uD_A, r(λ) = r₀ + λv. The certificate is that of the problem
// itself: for any y with |d_j·y| ≤ w_j, Σ w_j|a_j| ≥ y·x − ε‖y‖ for every feasible a (Fenchel duality); here y is a multiple of
// r₀ + λv, and of v where the path ends at λ = 0. If it ends there with ‖r₀‖ > ε, and r₀ is orthogonal to every atom
// (nonnegative: d_j·r₀ ≤ 0), no code reaches ε.
#include <algorithm>
#include <cmath>
#include <limits>

#include "bpdn.hpp"
#include "path_batch.hpp"

namespace unsuperpose {

namespace {

/// Activations are float32: a residual below this share of ‖x‖ is an exact fit, and the path is not followed into what is
/// only their rounding.
constexpr double kExact = 0x1.0p-23;
/// Codes are float32 too: a residual is reached if it is, up to this share of ‖x‖.
constexpr double kReach = 0x1.0p-20;
/// Knots below this share of λ_max are rounding: the segment above them goes on to λ = 0.
constexpr double kEnd = 1e-10;
/// Rounding of float64 sums of atoms, as a share of the sizes that go into them.
constexpr double kRounding = 0x1.0p-50;

double squared(const std::vector<double>& v) {
  double sum = 0;
  for (double c : v) sum += c * c;
  return sum;
}

class DenoisingBatch final : public PathBatch {
 public:
  DenoisingBatch(const ScaledBatch& batch, const Dictionary& dictionary, const BasisPursuitDenoising& method,
                 std::size_t first, const Execution& execution, std::vector<SampleResult>& out)
      : PathBatch(batch, dictionary, method, first, execution, out), method_(method) {}

 private:
  enum Stage : std::uint32_t { kReached, kUnreachable };

  double epsilon(const PathSample& sample) const {
    return batch_.to_scaled(sample.slot, per_sample<double>(method_.epsilon, first_ + sample.slot));
  }
  bool reaches(const PathSample& sample, double squared_residual) const {
    return std::sqrt(squared_residual) <=
           epsilon(sample) + kReach * std::sqrt(batch_.squared_norm(sample.slot));
  }
  double first_threshold(const PathSample&) const override { return 0; }
  void solve(PathSample& sample) override;
  void conclude(PathSample& sample, double strongest) override;
  double gap(const PathSample& sample, double strongest) const;
  bool settled(const PathSample& sample, double strongest) const override {
    return reaches(sample, sample.at.squared_residual) && gap(sample, strongest) <= options_.tolerance;
  }

  const BasisPursuitDenoising& method_;
};

void DenoisingBatch::solve(PathSample& sample) {
  const double squared_input = batch_.squared_norm(sample.slot),
               target = std::max(epsilon(sample), kExact * std::sqrt(squared_input)), bound = target * target;
  LassoPath path(sample.candidates, options_.nonnegative, 0);
  sample.knots = 0;
  sample.limited = false;
  sample.stage = kReached;
  const double largest = sample.lambda = path.next().lambda;
  if (bound >= squared_input) {
    take_codes(sample, path, sample.lambda);
    return ask_multiple(sample, input(sample), sample.lambda, 0);
  }
  double floor = 0;
  for (;;) {
    const LassoPath::Event event = path.next();
    floor = event.lambda;
    const bool settled = !path.active().empty() && !path.here(event);
    if (settled && path.lambda_of_residual(squared_input, bound) >= event.lambda) break;
    if (event.lambda <= kEnd * largest) floor = 0;
    if (floor == 0 || !step(sample, path, event)) break;
  }

  // Both parts of the residual again, from the atoms: ‖x‖² − p·D_A x cancels where ε is small.
  std::vector<double> least = input(sample), slope(dictionary_.dims(), 0.0), negative = path.slope();
  for (double& c : negative) c = -c;
  subtract(least, sample.candidates, path.active(), path.constant());
  subtract(slope, sample.candidates, path.active(), negative);
  const double squared_least = squared(least), squared_slope = squared(slope);
  double size = std::sqrt(squared_input);
  for (std::size_t k = 0; k < path.active().size(); ++k)
    size += std::fabs(path.constant()[k]) * std::sqrt(sample.candidates.squared_norm(path.active()[k]));

  sample.lambda = sample.limited ? path.lambda() : 0;
  if (!sample.limited && bound > squared_least && squared_slope > 0)
    sample.lambda = std::clamp(std::sqrt((bound - squared_least) / squared_slope), floor, path.lambda());
  take_codes(sample, path, sample.lambda);
  if (sample.lambda > 0) {
    for (std::size_t d = 0; d < least.size(); ++d) least[d] += sample.lambda * slope[d];
    ask_multiple(sample, std::move(least), sample.lambda, size * kRounding);
  } else if (reaches(sample, squared_least)) {
    ask_multiple(sample, std::move(slope), 1, std::sqrt(squared_slope) * kRounding);
  } else {
    sample.stage = kUnreachable;
    ask_multiple(sample, std::move(least), 0, size * kRounding);
  }
}

double DenoisingBatch::gap(const PathSample& sample, double strongest) const {
  const double primal = sample.at.weighted_l1;
  if (primal == 0) return 0;
  const double value = sample.at.input_residual - epsilon(sample) * std::sqrt(sample.at.squared_rounded);
  const double gap = (primal - (strongest > 0 ? value / strongest : 0)) / primal;
  return std::isfinite(gap) ? std::max(0.0, gap) : std::numeric_limits<double>::infinity();
}

void DenoisingBatch::conclude(PathSample& sample, double strongest) {
  const double primal = sample.at.weighted_l1;
  const bool reached = reaches(sample, sample.at.squared_residual);
  // Without a candidate, the zero code is the closest.
  const bool unreachable = !reached && (sample.stage == kUnreachable || sample.candidates.size() == 0);
  if (!reached) {
    sample.gap = std::numeric_limits<double>::infinity();
    sample.outcome = sample.limited ? Outcome::iterations
                     : unreachable  ? Outcome::infeasible
                                    : Outcome::stalled;
  } else {
    sample.gap = gap(sample, strongest);
    if (!(sample.gap <= options_.tolerance))
      sample.outcome = sample.limited ? Outcome::iterations : Outcome::stalled;
  }
  out_[sample.slot].iterations = sample.knots;
  finish(sample, 0);
  out_[sample.slot].objective = batch_.penalty_from_scaled(sample.slot, primal);
}

}  // namespace

Status BasisPursuitDenoising::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  Status status = check_path(samples, dictionary);
  if (status.ok() && epsilon.empty()) status = Status::fail(Code::option, "bpdn needs epsilon");
  if (status.ok()) status = check_per_sample("epsilon", epsilon.size(), samples.rows);
  for (const double one : epsilon)
    if (status.ok() && (!(one >= 0) || !std::isfinite(one)))
      status = Status::fail(Code::option, "epsilon must be finite and not negative");
  return status;
}

double BasisPursuitDenoising::objective_of(const std::vector<std::pair<std::uint32_t, double>>& code,
                                           double) const {
  double sum = 0;
  for (const auto& [j, value] : code)
    sum += (weights.empty() ? 1.0 : static_cast<double>(weights[j])) * std::fabs(value);
  return sum;
}

BatchSolver BasisPursuitDenoising::start(const Dictionary& dictionary, std::size_t,
                                         const Execution& execution) const {
  return [&, this](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    return DenoisingBatch(batch, dictionary, *this, first, execution, out).run(nullptr);
  };
}

}  // namespace unsuperpose
