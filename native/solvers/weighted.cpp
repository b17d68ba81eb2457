// Unfolding, λ_max and certificates where some weights are 0 or ∞: of the reduced problem, and back.
#include <cmath>
#include <limits>

#include "reduction.hpp"

namespace unsuperpose {

namespace {

/// Gaps of methods that know the reduced data only as float32 has them, from the data as they are.
Status judge(const Samples& reduced, const Reduction& reduction, const Method& method, const Problem& problem,
             const Execution& execution, Unfolding& out) {
  CertifyOptions options;
  options.lambda.assign(method.lambdas().begin(), method.lambdas().end());
  options.ridge = problem.ridge;
  options.weights = reduction.weights();
  options.tolerance = problem.tolerance;
  options.wide = true;
  Execution silent = execution;
  silent.reports = false;
  Certification found;
  const Status status = certify(reduced, out.codes, *reduction.dictionary(), options, silent, found);
  if (!status.ok()) return status;
  out.gap = found.gap;
  out.objective = found.objective;
  return {};
}

}  // namespace

Status unfold_weighted(const Samples& samples, const std::shared_ptr<const Dictionary>& dictionary,
                       const Method& method, const Execution& execution, Unfolding& out) {
  const Problem problem = method.problem();
  if (!Reduction::needed(problem.weights)) return unfold(samples, *dictionary, method, execution, out);
  // Checked before the features are counted anew.
  if (Status status = check_dims(samples.high, *dictionary); !status.ok()) return status;
  if (Status status = check_warm_start(method.starts_from(), samples.rows(), *dictionary); !status.ok())
    return status;
  std::shared_ptr<const Reduction> reduction;
  const bool wide = method.in_float64();
  if (Status status = Reduction::make(dictionary, *problem.weights, problem.ridge, problem.nonnegative, wide,
                                      execution, reduction);
      !status.ok())
    return status;
  std::unique_ptr<SplitSamples> kept;
  const Samples reduced = reduction->reduce(samples, wide, execution, kept);
  const auto narrowed = method.narrowed(reduction->narrowing());
  Status status = unfold(reduced, *reduction->dictionary(), *narrowed, execution, out);
  if (status.ok() && reduction->eliminates() && !problem.takes_low)
    status = judge(reduced, *reduction, *narrowed, problem, execution, out);
  if (!status.ok()) return status;
  reduction->extend(samples, wide, problem, execution, out);
  return execution.cancelled() ? Status::cancelled() : Status{};
}

Status lambda_max_weighted(const Samples& samples, const std::shared_ptr<const Dictionary>& dictionary,
                           const std::vector<float>& weights, double ridge, bool nonnegative, bool wide,
                           const Execution& execution, std::vector<double>& out) {
  if (!Reduction::needed(&weights))
    return lambda_max(samples, *dictionary, weights, nonnegative, wide, execution, out);
  if (Status status = check_dims(samples.high, *dictionary); !status.ok()) return status;
  std::shared_ptr<const Reduction> reduction;
  if (Status status = Reduction::make(dictionary, weights, ridge, nonnegative, wide, execution, reduction);
      !status.ok())
    return status;
  std::unique_ptr<SplitSamples> kept;
  const Samples reduced = reduction->reduce(samples, wide, execution, kept);
  return lambda_max(reduced, *reduction->dictionary(), reduction->weights(), nonnegative,
                    wide || reduction->eliminates(), execution, out);
}

Status certify_weighted(const Samples& samples, const SparseCodes& codes,
                        const std::shared_ptr<const Dictionary>& dictionary, const CertifyOptions& options,
                        const Execution& execution, Certification& out) {
  if (!Reduction::needed(&options.weights))
    return certify(samples, codes, *dictionary, options, execution, out);
  if (Status status = check_dims(samples.high, *dictionary); !status.ok()) return status;
  std::shared_ptr<const Reduction> reduction;
  if (Status status = Reduction::make(dictionary, options.weights, options.ridge, options.nonnegative,
                                      options.wide, execution, reduction);
      !status.ok())
    return status;
  std::unique_ptr<SplitSamples> kept;
  const Samples reduced = reduction->reduce(samples, options.wide, execution, kept);
  CertifyOptions narrowed = options;
  narrowed.weights = reduction->weights();
  narrowed.wide = options.wide || reduction->eliminates();
  SparseCodes penalised;
  const std::vector<double> more = reduction->reduce_codes(samples, codes, options.wide, penalised);
  Status status = certify(reduced, penalised, *reduction->dictionary(), narrowed, execution, out);
  if (!status.ok()) return status;
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    const int unit = Reduction::unit(samples, i, options.wide);
    const double squared = reduction->squared_norm(samples, i, options.wide, unit);
    const double objective = out.objective[i];
    out.objective[i] += std::ldexp(more[i], 2 * unit);
    if (squared > 0) {
      double share = 1;
      if (reduction->eliminates()) share = reduction->squared_norm(reduced, i, true, unit) / squared;
      // Where the unpenalised ones fit the sample, nothing is left for the others: their whole objective is the gap.
      out.gap[i] = share > 0 ? out.gap[i] * share : std::ldexp(objective, -2 * unit) / (0.5 * squared);
      out.gap[i] += more[i] / (0.5 * squared);
    } else if (more[i] > 0) {
      out.gap[i] = std::numeric_limits<double>::infinity();
    }
    out.worst[i] = reduction->origin(out.worst[i]);
    if (reduction->dependent()) out.unique[i] = options.ridge > 0;
    auto& verdict = out.verdict[i];
    if (!(out.gap[i] <= options.tolerance))
      verdict = static_cast<std::uint8_t>(Verdict::none);
    else if (reduction->dependent() && verdict == static_cast<std::uint8_t>(Verdict::exact))
      verdict = static_cast<std::uint8_t>(Verdict::bounded);
  }
  return {};
}

}  // namespace unsuperpose
