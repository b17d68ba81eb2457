// LASSO in float64: the float32 method finds the support, the path on those atoms the codes.
#include <algorithm>

#include "batch.hpp"
#include "homotopy.hpp"
#include "lasso.hpp"

namespace unsuperpose {

namespace {

constexpr double kSupportTolerance = 1e-5;

/// The codes that were found, as a start in the caller's units.
std::shared_ptr<const SparseCodes> codes_of(const std::vector<SampleResult>& found) {
  auto codes = std::make_shared<SparseCodes>();
  codes->indptr.push_back(0);
  for (const SampleResult& sample : found) {
    codes->indices.insert(codes->indices.end(), sample.indices.begin(), sample.indices.end());
    codes->values.insert(codes->values.end(), sample.values.begin(), sample.values.end());
    codes->indptr.push_back(static_cast<std::uint32_t>(codes->indices.size()));
  }
  return codes;
}

}  // namespace

BatchSolver Lasso::start_float64(const Dictionary& dictionary, std::size_t samples,
                                 const Execution& execution) const {
  auto coarse = std::make_shared<Lasso>(*this);
  coarse->tolerance = std::max(tolerance, kSupportTolerance);
  coarse->float64 = coarse->wide = false;
  auto path = std::make_shared<Homotopy>();
  path->weights = weights;
  path->nonnegative = nonnegative;
  path->ridge = ridge;
  path->tolerance = tolerance;
  path->max_iterations = max_iterations;
  path->float64 = float64;
  path->wide = float64 || wide;
  if (least_squares())
    return [&dictionary, &execution, path](const ScaledBatch& batch, std::size_t first,
                                           std::vector<SampleResult>& out) {
      return path->start(dictionary, out.size(), execution)(batch, first, out);
    };
  auto silent = std::make_shared<Execution>(execution);
  silent->reports = false;
  const BatchSolver find = coarse->start(dictionary, samples, *silent);
  return [&dictionary, &execution, find, coarse, path, silent](const ScaledBatch& batch, std::size_t first,
                                                               std::vector<SampleResult>& out) {
    std::vector<SampleResult> found(out.size());
    if (Status status = find(batch, first, found); !status.ok()) return status;
    // The path's start has the rows of this batch alone.
    path->warm_start = codes_of(found);
    return path->start(dictionary, out.size(), execution)(batch, 0, out);
  };
}

}  // namespace unsuperpose
