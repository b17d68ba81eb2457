#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "batch.hpp"
#include "spectral.hpp"

namespace unsuperpose {

namespace {

/// Samples that are worked on together: as many as keep a pass bound by arithmetic rather than by reading the
/// dictionary, and their working sets within some hundred megabytes.
constexpr std::size_t kBatch = 512;
constexpr std::size_t kFoldBlock = 16;

/// Methods with a λ, or with a LASSO inside.
bool convex(Method method) {
  switch (method) {
    case Method::lasso:
    case Method::fista:
    case Method::ista:
    case Method::homotopy:
    case Method::bpdn:
    case Method::reweighted: return true;
    default: return false;
  }
}
bool on_path(Method method) { return method == Method::bpdn || method == Method::reweighted; }

Status fail_option(const std::string& message) { return Status::fail(Code::option, message); }

}  // namespace

Status check(ConstMatrix32 samples, const Dictionary& dictionary, const UnfoldOptions& options) {
  const std::size_t n = samples.rows, features = dictionary.features();
  if (samples.cols != dictionary.dims())
    return Status::fail(Code::shape, "activations have " + std::to_string(samples.cols) +
                                         " dims, the dictionary has " + std::to_string(dictionary.dims()));
  if (convex(options.method)) {
    if (options.method != Method::bpdn && options.lambda.size() != 1 && options.lambda.size() != n)
      return Status::fail(Code::shape, "lambda must be one number or one a sample (" + std::to_string(n) +
                                           "), got " + std::to_string(options.lambda.size()));
    for (double lambda : options.lambda)
      if (!(lambda > 0) || !std::isfinite(lambda)) return fail_option("lambda must be finite and > 0");
    if (on_path(options.method)) {
      if (options.epsilon.size() > 1 && options.epsilon.size() != n)
        return Status::fail(Code::shape, "epsilon must be one number or one a sample (" + std::to_string(n) +
                                             "), got " + std::to_string(options.epsilon.size()));
      if (options.method == Method::bpdn && options.epsilon.empty()) return fail_option("bpdn needs epsilon");
      for (double epsilon : options.epsilon)
        if (!(epsilon >= 0) || !std::isfinite(epsilon) ||
            (epsilon == 0 && options.method == Method::reweighted))
          return fail_option("epsilon must be finite and not negative (reweighted: > 0)");
      if (options.warm_start || options.ridge != 0)
        return fail_option("warmStart and ridge are for methods that solve one LASSO");
      if (options.method == Method::reweighted && !options.weights.empty())
        return fail_option("reweighted makes its own weights");
    }
    if (!(options.ridge >= 0) || !std::isfinite(options.ridge))
      return fail_option("ridge must be finite and ≥ 0");
    if (!(options.tolerance > 0)) return fail_option("tolerance must be > 0");
    if (!options.weights.empty() && options.weights.size() != features)
      return Status::fail(Code::shape, "weights must be one a feature (" + std::to_string(features) +
                                           "), got " + std::to_string(options.weights.size()));
    for (float weight : options.weights)
      if (!(weight > 0) || !std::isfinite(weight)) return fail_option("weights must be finite and > 0");
  } else {
    if (options.sparsity.size() > 1 && options.sparsity.size() != n)
      return Status::fail(Code::shape, "sparsity must be one number or one a sample (" + std::to_string(n) +
                                           "), got " + std::to_string(options.sparsity.size()));
    if (options.lambda.size() > 1 && options.lambda.size() != n)
      return Status::fail(Code::shape, "lambda must be one number or one a sample (" + std::to_string(n) +
                                           "), got " + std::to_string(options.lambda.size()));
    for (double lambda : options.lambda)
      if (!(lambda > 0) || !std::isfinite(lambda)) return fail_option("lambda must be finite and > 0");
    const bool keeps =
        options.method == Method::iht || options.method == Method::htp || options.method == Method::cosamp;
    if (keeps && options.sparsity.empty()) return fail_option("sparsity is required");
    if (options.method == Method::amp && options.lambda.empty() && !(options.threshold_factor > 0))
      return fail_option("amp needs lambda or thresholdFactor");
    if (!(options.residual >= 0)) return fail_option("residual must be ≥ 0");
    if (options.warm_start) return fail_option("warmStart is for convex methods");
  }
  if (options.float64 && options.method != Method::lasso && options.method != Method::homotopy)
    return fail_option("float64 is for lasso and homotopy");
  if (const SparseCodes* warm = options.warm_start) {
    if (warm->indptr.size() != n + 1 || warm->indptr.front() != 0 ||
        warm->indptr.back() != warm->indices.size() || warm->indices.size() != warm->values.size() ||
        !std::is_sorted(warm->indptr.begin(), warm->indptr.end()))
      return Status::fail(Code::shape, "warmStart must be codes with one row a sample");
    for (std::uint32_t index : warm->indices)
      if (index >= features)
        return Status::fail(Code::shape, "warmStart holds a feature beyond the dictionary");
  }
  return {};
}

/// LASSO in float64: the float32 method finds the support, the path on those atoms the codes.
Status lasso64(const ScaledBatch& batch, const Dictionary& dictionary, const UnfoldOptions& options,
               std::size_t first, const Execution& execution, std::vector<SampleResult>& results) {
  constexpr double kSupportTolerance = 1e-5;
  UnfoldOptions coarse = options;
  coarse.tolerance = std::max(options.tolerance, kSupportTolerance);
  coarse.float64 = false;
  Execution silent = execution;
  silent.reports = false;
  std::vector<SampleResult> found(results.size());
  if (Status status = lasso(batch, dictionary, coarse, options.warm_start, first, silent, found);
      !status.ok())
    return status;
  SparseCodes start;
  start.indptr.push_back(0);
  for (const SampleResult& sample : found) {
    start.indices.insert(start.indices.end(), sample.indices.begin(), sample.indices.end());
    start.values.insert(start.values.end(), sample.values.begin(), sample.values.end());
    start.indptr.push_back(static_cast<std::uint32_t>(start.indices.size()));
  }
  return homotopy(batch, dictionary, options, &start, 0, execution, results);
}

Status append(const std::vector<SampleResult>& results, bool reports_lambda, Unfolding& out) {
  for (const SampleResult& result : results) {
    if (out.codes.indices.size() + result.indices.size() > std::numeric_limits<std::uint32_t>::max())
      return Status::fail(Code::too_large,
                          "the codes hold more than 2³² − 1 entries: unfold fewer samples at a time");
    out.codes.indices.insert(out.codes.indices.end(), result.indices.begin(), result.indices.end());
    out.codes.values.insert(out.codes.values.end(), result.values.begin(), result.values.end());
    out.values64.insert(out.values64.end(), result.values64.begin(), result.values64.end());
    out.codes.indptr.push_back(static_cast<std::uint32_t>(out.codes.indices.size()));
    out.gap.push_back(result.gap);
    out.objective.push_back(result.objective);
    out.residual.push_back(result.residual);
    out.status.push_back(static_cast<std::uint8_t>(result.outcome));
    out.iterations.push_back(result.iterations);
    if (reports_lambda) out.lambda.push_back(result.lambda);
  }
  return {};
}

Status unfold(ConstMatrix32 samples, const Dictionary& dictionary, const UnfoldOptions& options,
              const Execution& execution, Unfolding& out) {
  if (Status status = check(samples, dictionary, options); !status.ok()) return status;
  execution.set_total(samples.rows);
  out = {};
  out.codes.indptr.push_back(0);
  out.float64 = options.float64;
  const bool proximal = options.method == Method::fista || options.method == Method::ista;
  const double norm = proximal && samples.rows > 0 ? spectral_norm(dictionary, execution) : 0;
  if (execution.cancelled()) return Status::cancelled();
  for (std::size_t first = 0; first < samples.rows; first += kBatch) {
    const std::size_t count = std::min(kBatch, samples.rows - first);
    const ScaledBatch batch(samples.slice(first, count), options, first);
    std::vector<SampleResult> results(count);
    Status status;
    switch (options.method) {
      case Method::lasso:
        status = options.float64
                     ? lasso64(batch, dictionary, options, first, execution, results)
                     : lasso(batch, dictionary, options, options.warm_start, first, execution, results);
        break;
      case Method::fista:
      case Method::ista:
        status = proximal_gradient(batch, dictionary, norm, options, options.warm_start, first, execution,
                                   results);
        break;
      case Method::omp:
        status =
            orthogonal_matching_pursuit(batch, dictionary, options, first, samples.rows, execution, results);
        break;
      case Method::mp:
      case Method::gradient_pursuit:
        status = matching_pursuit(batch, dictionary, options, first, execution, results);
        break;
      case Method::iht:
      case Method::htp:
      case Method::cosamp:
        status = hard_thresholding(batch, dictionary, options, first, execution, results);
        break;
      case Method::amp:
        status = approximate_message_passing(batch, dictionary, options, execution, results);
        break;
      case Method::homotopy:
        status = homotopy(batch, dictionary, options, options.warm_start, first, execution, results);
        break;
      case Method::bpdn:
        status = basis_pursuit_denoising(batch, dictionary, options, first, execution, results);
        break;
      case Method::reweighted:
        status = reweighted_l1(batch, dictionary, options, first, execution, results);
        break;
    }
    if (!status.ok()) return status;
    if (status = append(results, options.method == Method::bpdn || options.method == Method::amp, out);
        !status.ok())
      return status;
  }
  return {};
}

Status fold(const SparseCodes& codes, const Dictionary& dictionary, Matrix32 out,
            const Execution& execution) {
  const std::size_t n = codes.indptr.size() - 1;
  if (out.rows != n || out.cols != dictionary.dims())
    return Status::fail(Code::shape, "fold: the output has the wrong shape");
  const ConstMatrix32 atoms = dictionary.atoms();
  execution.for_each((n + kFoldBlock - 1) / kFoldBlock, [&](std::size_t block) {
    for (std::size_t i = block * kFoldBlock; i < std::min(n, (block + 1) * kFoldBlock); ++i) {
      const std::size_t begin = codes.indptr[i];
      sparse_rows::table().residual(nullptr, codes.indices.data() + begin, codes.values.data() + begin,
                                    codes.indptr[i + 1] - begin, atoms.data, atoms.stride, dictionary.dims(),
                                    out.row(i));
      // residual() subtracts: turn the sign, and never leave a −0
      for (std::size_t k = 0; k < out.cols; ++k) out.row(i)[k] = 0.0f - out.row(i)[k];
    }
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
