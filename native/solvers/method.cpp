#include "method.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "../core/index.hpp"

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

Status check_lambda(std::span<const double> lambda, std::size_t samples, bool with_zero) {
  Status status = check_per_sample("lambda", lambda.size(), samples);
  for (const double one : lambda)
    if (status.ok() && (!(with_zero ? one >= 0 : one > 0) || !std::isfinite(one)))
      status =
          fail(Code::option, with_zero ? "lambda must be finite and ≥ 0" : "lambda must be finite and > 0");
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

Status check_atoms(const Dictionary& dictionary, bool wide) {
  if (!wide || dictionary.holds_float64()) return {};
  return fail(
      Code::option,
      "the dictionary has atoms of so small a norm (below about 1e-30) that two float32 parts do not hold "
      "them to 48 bits, as precision 'float64' and weights of 0 need: scale the dictionary");
}

Status check_penalty(const PenaltyOptions& options, ConstMatrix32 samples, const Dictionary& dictionary,
                     bool with_zero) {
  Status status = check_dims(samples, dictionary);
  if (status.ok()) status = check_lambda(options.lambda, samples.rows, with_zero);
  if (status.ok() && (!(options.ridge >= 0) || !std::isfinite(options.ridge)))
    status = fail(Code::option, "ridge must be finite and ≥ 0");
  if (status.ok() && !(options.tolerance > 0)) status = fail(Code::option, "tolerance must be > 0");
  if (status.ok()) status = check_weights(options.weights, dictionary);
  return status;
}

std::shared_ptr<const SparseCodes> narrowed_start(std::shared_ptr<const SparseCodes> start,
                                                  const Narrowing& to) {
  if (!start || (!to.samples && !to.places)) return start;
  auto made = std::make_shared<SparseCodes>();
  made->indptr.push_back(0);
  const std::size_t rows = to.samples ? to.samples->size() : start->indptr.size() - 1;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t row = to.samples ? (*to.samples)[i] : i;
    for (std::size_t k = start->indptr[row]; k < start->indptr[row + 1]; ++k) {
      const std::uint32_t place = to.places ? (*to.places)[start->indices[k]] : start->indices[k];
      if (place == kNone) continue;
      made->indices.push_back(place);
      made->values.push_back(start->values[k]);
    }
    made->indptr.push_back(static_cast<std::uint32_t>(made->indices.size()));
  }
  return made;
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
