// LASSO at one λ by its path from λ_max down (lasso_path.hpp), exact to float64 on the support that it ends with.
#include <algorithm>

#include "homotopy.hpp"
#include "path_batch.hpp"

namespace unsuperpose {

namespace {

class HomotopyBatch final : public PathBatch {
 public:
  using PathBatch::PathBatch;

 private:
  double first_threshold(const PathSample& sample) const override { return batch_.lambda(sample.slot); }

  void solve(PathSample& sample) override { solve_at(sample, batch_.lambda(sample.slot)); }

  double gap(const PathSample& sample, double strongest) const {
    return relative_gap(sample.at, batch_.lambda(sample.slot), options_.ridge, strongest);
  }
  bool settled(const PathSample& sample, double strongest) const override {
    return gap(sample, strongest) <= options_.tolerance;
  }

  void conclude(PathSample& sample, double strongest) override {
    const double lambda = batch_.lambda(sample.slot);
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
  if (status.ok()) status = check_lambda(lambda, samples.rows);
  if (status.ok()) status = check_warm_start(warm_start.get(), samples.rows, dictionary);
  return status;
}

BatchSolver Homotopy::start(const Dictionary& dictionary, std::size_t, const Execution& execution) const {
  return [&, this](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    return HomotopyBatch(batch, dictionary, *this, first, execution, out).run(warm_start.get());
  };
}

}  // namespace unsuperpose
