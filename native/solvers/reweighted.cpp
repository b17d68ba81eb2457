// Iteratively reweighted ℓ1 (Candès, Wakin & Boyd 2008), each weighted problem solved exactly by its path:
//
//   a⁰ = argmin ½‖x − aD‖² + λ Σ |a_j|,   aᵐ⁺¹ = argmin ½‖x − aD‖² + λ Σ w_j|a_j|,   w_j = ε/(|aᵐ_j| + ε)
//
// which majorises and minimises F(a) = ½‖x − aD‖² + λε Σ log(1 + |a_j|/ε) (their §2.3): F never rises, from a = 0 on. Their
// weights are 1/(|a_j| + ε); the factor ε keeps the meaning of λ, since a feature that is not active has weight 1. So only the
// candidates have weights of their own, and passes over the dictionary compare with λ alone.
#include <algorithm>
#include <cmath>

#include "path_batch.hpp"
#include "reweighted.hpp"

namespace unsuperpose {

namespace {

/// Default ε as a share of the largest code of the unweighted solution: a little below the codes that matter (their §2.2).
constexpr double kDefaultEpsilon = 0.1;
/// Codes that are this much larger than ε are as good as free; weights below would only cost digits.
constexpr double kSmallestWeight = 1e-9;

class ReweightedBatch final : public PathBatch {
 public:
  ReweightedBatch(const ScaledBatch& batch, const Dictionary& dictionary, const ReweightedL1& method,
                  std::size_t first, const Execution& execution, std::vector<SampleResult>& out)
      : PathBatch(batch, dictionary, method, first, execution, out), method_(method) {}

 private:
  double first_threshold(const PathSample& sample) const override { return batch_.lambda(sample.slot); }

  void solve(PathSample& sample) override { solve_at(sample, batch_.lambda(sample.slot)); }

  double gap_of(const PathSample& sample, double strongest) const {
    return relative_gap(sample.at, batch_.lambda(sample.slot), 0, strongest);
  }
  bool settled(const PathSample& sample, double strongest) const override {
    return gap_of(sample, strongest) <= options_.tolerance;
  }

  void conclude(PathSample& sample, double strongest) override {
    const double lambda = batch_.lambda(sample.slot), gap = gap_of(sample, strongest);
    if (gap > options_.tolerance) sample.outcome = sample.limited ? Outcome::iterations : Outcome::stalled;
    sample.gap = gap;
    if (sample.stage < method_.reweightings && !sample.codes.empty()) {
      reweight(sample);
      return solve(sample);
    }
    sample.lambda = lambda;
    out_[sample.slot].iterations = sample.stage + 1;
    finish(sample, sample.at.objective(lambda, 0));
  }

  void reweight(PathSample& sample) {
    if (sample.stage++ == 0) epsilon(sample);
    const std::vector<std::uint32_t>& atoms = sample.candidates.atoms();
    for (std::size_t i = 0; i < atoms.size(); ++i)
      sample.candidates.set_weight(i, screening_.weight(atoms[i]));
    for (const auto& [position, value] : sample.codes) {
      const std::uint32_t j = atoms[position];
      const double epsilon = batch_.code_to_scaled(sample.slot, j, epsilons_[sample.slot]);
      sample.candidates.set_weight(
          position, screening_.weight(j) * std::max(kSmallestWeight, epsilon / (std::fabs(value) + epsilon)));
    }
  }

  /// ε in the caller's units.
  void epsilon(PathSample& sample) {
    double largest = 0;
    for (const auto& [position, value] : sample.codes) {
      const std::uint32_t j = sample.candidates.atoms()[position];
      largest = std::max(largest, std::fabs(batch_.code_from_scaled(sample.slot, j, value)));
    }
    epsilons_[sample.slot] = method_.epsilon.empty()
                                 ? kDefaultEpsilon * largest
                                 : per_sample<double>(method_.epsilon, first_ + sample.slot);
  }

  const ReweightedL1& method_;
  std::vector<double> epsilons_ = std::vector<double>(batch_.count());
};

}  // namespace

Status ReweightedL1::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  Status status = check_path(samples, dictionary);
  if (status.ok()) status = check_lambda(lambda, samples.rows);
  if (status.ok() && !epsilon.empty()) status = check_per_sample("epsilon", epsilon.size(), samples.rows);
  for (const double one : epsilon)
    if (status.ok() && (!(one > 0) || !std::isfinite(one)))
      status = Status::fail(Code::option, "epsilon must be finite and > 0");
  if (status.ok() && !weights.empty())
    status = Status::fail(Code::option, "reweighted makes its own weights");
  if (status.ok() && ridge != 0)
    status = Status::fail(Code::option, "ridge is for methods that solve one LASSO");
  return status;
}

BatchSolver ReweightedL1::start(const Dictionary& dictionary, std::size_t, const Execution& execution) const {
  return [&, this](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    return ReweightedBatch(batch, dictionary, *this, first, execution, out).run(nullptr);
  };
}

}  // namespace unsuperpose
