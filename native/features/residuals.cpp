#include "residuals.hpp"

#include <algorithm>

namespace unsuperpose {

namespace {
/// Samples unfolded together: bounds the memory of their codes.
constexpr std::size_t kBatch = 4096;
/// Samples of one unit of work.
constexpr std::size_t kBlock = 16;
}  // namespace

Status residuals(ConstMatrix32 samples, const SparseCodes* given, const Dictionary& dictionary,
                 const DirectionOptions& options, const Execution& execution, AlignedBuffer<float>& out,
                 std::vector<double>& energy) {
  const std::size_t dims = samples.cols;
  out = AlignedBuffer<float>(samples.rows * dims);
  energy.assign(samples.rows, 0);
  for (std::size_t first = 0; first < samples.rows; first += kBatch) {
    const std::size_t count = std::min(kBatch, samples.rows - first);
    SparseCodes made;
    if (!given)
      if (Status status = lasso_codes(samples.slice(first, count), dictionary, options, execution, made);
          !status.ok())
        return status;
    const SparseCodes& codes = given ? *given : made;
    const std::size_t at = given ? first : 0;
    execution.for_each((count + kBlock - 1) / kBlock, [&](std::size_t block) {
      std::vector<double> r(dims);
      for (std::size_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i) {
        const float* x = samples.row(first + i);
        std::copy(x, x + dims, r.begin());
        for (std::size_t p = codes.indptr[at + i]; p < codes.indptr[at + i + 1]; ++p) {
          const float* atom = dictionary.atom(codes.indices[p]);
          for (std::size_t k = 0; k < dims; ++k) r[k] -= static_cast<double>(codes.values[p]) * atom[k];
        }
        float* to = out.data() + (first + i) * dims;
        for (std::size_t k = 0; k < dims; ++k) {
          energy[first + i] += r[k] * r[k];
          to[k] = static_cast<float>(r[k]);
        }
      }
    });
    if (execution.cancelled()) return Status::cancelled();
    execution.advance(count);
  }
  return {};
}

}  // namespace unsuperpose
