// LASSO at one λ by its path from λ_max down (lasso_path.hpp), exact to float64 on the support that it ends with.
#include <algorithm>
#include <cmath>

#include "../core/sums.hpp"
#include "homotopy.hpp"
#include "path_batch.hpp"
#include "path_end.hpp"

namespace unsuperpose {

namespace {

class HomotopyBatch final : public PathBatch {
 public:
  using PathBatch::PathBatch;

 private:
  double first_threshold(const PathSample& sample) const override { return batch_.lambda(sample.slot); }

  enum Stage : std::uint32_t { kResidual, kSlope };

  void solve(PathSample& sample) override {
    const double lambda = batch_.lambda(sample.slot);
    if (lambda > 0) return solve_at(sample, lambda);
    // The residual there says whether it is that of least squares, its slope whether the path ends so on all atoms.
    LassoPath path(sample.candidates, options_.nonnegative, options_.ridge);
    walk(sample, path, 0);
    sample.lambda = 0;
    sample.stage = kResidual;
    const double end = sample.limited ? path.lambda() : 0;
    take_codes(sample, path, end);
    if (options_.ridge == 0) {
      std::vector<double> negative = path.slope();
      for (double& c : negative) c = -c;
      slopes_[sample.slot].assign(dictionary_.dims(), 0);
      subtract(slopes_[sample.slot], sample.candidates, path.active(), negative);
    }
    ask_residual(sample, path, end);
  }

  void conclude_end(PathSample& sample, double strongest) {
    if (sample.stage == kResidual) {
      strongest = strongest_exactly(sample);
      const double rounding = kOrthogonal * std::sqrt(sample.at.squared_input) * screening_.largest();
      const bool proved = !sample.limited && strongest <= rounding;
      sample.gap = proved ? least_squares_gap(sample.at, options_.ridge)
                          : relative_gap(sample.at, 0, options_.ridge, std::max(strongest, rounding));
      if (proved && options_.ridge == 0 && sample.candidates.size() > 0) {
        sample.stage = kSlope;
        const std::vector<double>& slope = slopes_[sample.slot];
        const Evaluation at = sample.at;
        ask_multiple(sample, slope, 1, sums::norm(slope.data(), slope.size()) * 0x1.0p-50);
        sample.at = at;
        return;
      }
    }
    if (sample.gap > options_.tolerance)
      sample.outcome = sample.limited ? Outcome::iterations : Outcome::stalled;
    out_[sample.slot].iterations = sample.knots;
    finish(sample, sample.at.objective(0, options_.ridge));
  }

  std::vector<std::vector<double>> slopes_ = std::vector<std::vector<double>>(batch_.count());

  double gap(const PathSample& sample, double strongest) const {
    return relative_gap(sample.at, batch_.lambda(sample.slot), options_.ridge, strongest);
  }
  bool settled(const PathSample& sample, double strongest) const override {
    return gap(sample, strongest) <= options_.tolerance;
  }

  void conclude(PathSample& sample, double strongest) override {
    const double lambda = batch_.lambda(sample.slot);
    if (lambda == 0) return conclude_end(sample, strongest);
    sample.lambda = lambda;
    sample.gap = gap(sample, strongest);
    if (sample.gap > options_.tolerance)
      sample.outcome = sample.limited ? Outcome::iterations : Outcome::stalled;
    out_[sample.slot].iterations = sample.knots;
    finish(sample, sample.at.objective(lambda, options_.ridge));
  }
};

}  // namespace

Status Homotopy::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  Status status = check_path(samples, dictionary);
  if (status.ok()) status = check_atoms(dictionary, float64 || wide);
  if (status.ok()) status = check_lambda(lambda, samples.rows, true);
  if (status.ok()) status = check_warm_start(warm_start.get(), samples.rows, dictionary);
  return status;
}

BatchSolver Homotopy::start(const Dictionary& dictionary, std::size_t, const Execution& execution) const {
  return [&, this](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    return HomotopyBatch(batch, dictionary, *this, first, execution, out).run(warm_start.get());
  };
}

}  // namespace unsuperpose
