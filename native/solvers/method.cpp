#include "method.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace unsuperpose {

namespace {

Status fail(Code code, const std::string& message) { return Status::fail(code, message); }

}  // namespace

Status check_dims(ConstMatrix32 samples, const Dictionary& dictionary) {
  if (samples.cols == dictionary.dims()) return {};
  return fail(Code::shape, "activations have " + std::to_string(samples.cols) + " dims, the dictionary has " +
                               std::to_string(dictionary.dims()));
}

Status check_per_sample(const char* name, std::size_t size, std::size_t samples) {
  if (size == 1 || size == samples) return {};
  return fail(Code::shape, std::string(name) + " must be one number or one a sample (" +
                               std::to_string(samples) + "), got " + std::to_string(size));
}

Status check_lambda(std::span<const double> lambda, std::size_t samples) {
  Status status = check_per_sample("lambda", lambda.size(), samples);
  for (const double one : lambda)
    if (status.ok() && (!(one > 0) || !std::isfinite(one)))
      status = fail(Code::option, "lambda must be finite and > 0");
  return status;
}

Status check_weights(const std::vector<float>& weights, const Dictionary& dictionary) {
  if (!weights.empty() && weights.size() != dictionary.features())
    return fail(Code::shape, "weights must be one a feature (" + std::to_string(dictionary.features()) +
                                 "), got " + std::to_string(weights.size()));
  for (const float weight : weights)
    if (!(weight > 0) || !std::isfinite(weight)) return fail(Code::option, "weights must be finite and > 0");
  return {};
}

Status check_penalty(const PenaltyOptions& options, ConstMatrix32 samples, const Dictionary& dictionary) {
  Status status = check_dims(samples, dictionary);
  if (status.ok()) status = check_lambda(options.lambda, samples.rows);
  if (status.ok() && (!(options.ridge >= 0) || !std::isfinite(options.ridge)))
    status = fail(Code::option, "ridge must be finite and ≥ 0");
  if (status.ok() && !(options.tolerance > 0)) status = fail(Code::option, "tolerance must be > 0");
  if (status.ok()) status = check_weights(options.weights, dictionary);
  return status;
}

Status check_warm_start(const SparseCodes* codes, std::size_t samples, const Dictionary& dictionary) {
  if (!codes) return {};
  const std::vector<std::uint32_t>& indptr = codes->indptr;
  if (indptr.size() != samples + 1 || indptr.front() != 0 || indptr.back() != codes->indices.size() ||
      codes->indices.size() != codes->values.size() || !std::is_sorted(indptr.begin(), indptr.end()))
    return fail(Code::shape, "warmStart must be codes with one row a sample");
  for (const std::uint32_t index : codes->indices)
    if (index >= dictionary.features())
      return fail(Code::shape, "warmStart holds a feature beyond the dictionary");
  return {};
}

}  // namespace unsuperpose
