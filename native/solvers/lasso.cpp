#include "lasso.hpp"

#include <algorithm>

#include "lasso_batch.hpp"

namespace unsuperpose {

namespace {

/// Gram rows are of no use where one costs more to read than scoring an atom does.
constexpr std::size_t kFewestDims = 32;

}  // namespace

Status Lasso::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  const Status status = check_penalty(*this, samples, dictionary, true);
  return status.ok() ? check_warm_start(warm_start.get(), samples.rows, dictionary) : status;
}

BatchSolver Lasso::start(const Dictionary& dictionary, std::size_t samples,
                         const Execution& execution) const {
  // λ = 0 is the end of the path, and no working set's.
  if (float64 || wide || std::find(lambda.begin(), lambda.end(), 0.0) != lambda.end())
    return start_float64(dictionary, samples, execution);
  const auto gram = std::make_shared<LassoGram>();
  // With weights no scores are kept.
  if (weights.empty() && dictionary.dims() >= kFewestDims &&
      LassoBatch::keeps_scores(dictionary.features()) &&
      gram_budget >= CompressedGram::row_bytes(dictionary.features())) {
    gram->gram = &dictionary.compressed_gram();
    gram->used =
        2 * gram->gram->bytes() >= dictionary.features() * CompressedGram::row_bytes(dictionary.features());
  }
  return [&, this, gram](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    return LassoBatch(batch, dictionary, *this, *gram, execution, out).run(warm_start.get(), first);
  };
}

}  // namespace unsuperpose
