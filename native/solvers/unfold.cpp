#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/spread.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/device.hpp"
#include "batch.hpp"
#include "review.hpp"

namespace unsuperpose {

namespace {

/// Samples that are worked on together: as many as keep a pass bound by arithmetic rather than by reading the
/// dictionary, and their working sets within some hundred megabytes.
constexpr std::size_t kBatch = 512;
/// The same on a device, which takes thousands to be filled.
constexpr std::size_t kDeviceBatch = 4096;
constexpr std::size_t kFoldBlock = 16;
/// Samples a block of a variance.
constexpr std::size_t kRowsSummed = 64;

/// Room for `size` entries, without a copy for every batch of a long call.
template <class T>
void grow(std::vector<T>& values, std::size_t size) {
  if (size > values.capacity()) values.reserve(std::max(size, 2 * values.capacity()));
}

}  // namespace

void Variance::add(const Samples& samples, const Execution& execution) {
  const std::size_t rows = samples.rows(), cols = samples.cols();
  mean_.resize(cols, 0);
  if (samples.split()) {
    std::vector<double> wide(cols);
    for (std::size_t i = 0; i < rows; ++i) {
      samples.read(i, wide.data());
      spread::add(wide.data(), cols, 1, static_cast<double>(++samples_), mean_.data(), squares_);
    }
    return;
  }
  // Of blocks, which are then joined in their order, whoever made them.
  const std::size_t blocks = (rows + kRowsSummed - 1) / kRowsSummed;
  const auto count = [&](std::size_t block) { return std::min(rows - block * kRowsSummed, kRowsSummed); };
  std::vector<double> means(blocks * cols), squares(blocks);
  execution.for_each(blocks, [&](std::size_t block) {
    for (std::size_t i = 0; i < count(block); ++i)
      spread::add(samples.high.row(block * kRowsSummed + i), cols, 1, static_cast<double>(i + 1),
                  means.data() + block * cols, squares[block]);
  });
  for (std::size_t block = 0; block < blocks; ++block) {
    spread::join(means.data() + block * cols, squares[block], static_cast<double>(count(block)),
                 static_cast<double>(samples_), cols, mean_.data(), squares_);
    samples_ += count(block);
  }
}

Status append(const ScaledBatch& batch, const std::vector<SampleResult>& results, bool reports_lambda,
              Unfolding& out) {
  std::size_t entries = out.codes.indices.size(), wide = out.values64.size();
  for (const SampleResult& result : results) {
    entries += result.indices.size();
    wide += result.values64.size();
  }
  if (entries > std::numeric_limits<std::uint32_t>::max())
    return Status::fail(Code::too_large,
                        "the codes hold more than 2³² − 1 entries: unfold fewer samples at a time");
  grow(out.codes.indices, entries);
  grow(out.codes.values, entries - wide);
  grow(out.values64, wide);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const SampleResult& result = results[i];
    out.codes.indices.insert(out.codes.indices.end(), result.indices.begin(), result.indices.end());
    out.codes.values.insert(out.codes.values.end(), result.values.begin(), result.values.end());
    out.values64.insert(out.values64.end(), result.values64.begin(), result.values64.end());
    out.codes.indptr.push_back(static_cast<std::uint32_t>(out.codes.indices.size()));
    out.gap.push_back(result.gap);
    out.objective.push_back(result.objective);
    out.residual.push_back(result.residual);
    out.status.push_back(static_cast<std::uint8_t>(result.outcome));
    out.iterations.push_back(result.iterations);
    out.norm.push_back(batch.from_scaled(i, std::sqrt(batch.squared_norm(i))));
    if (reports_lambda) out.lambda.push_back(result.lambda);
  }
  return {};
}

Status unfold(const Samples& samples, const Dictionary& dictionary, const Method& method,
              const Execution& execution, Unfolding& out) {
  if (Status status = method.check(samples.high, dictionary); !status.ok()) return status;
  execution.set_total(samples.rows());
  out = {};
  out.codes.indptr.push_back(0);
  out.float64 = method.in_float64();
  Range range;
  Status ranged = Range::make(dictionary, method.feature_weights(), method.scaling(), range);
  if (!ranged.ok()) return ranged;
  const std::shared_ptr<Method> rescaled = range.ordinary() ? nullptr : method.rescaled(range);
  const Dictionary& atoms = range.dictionary ? *range.dictionary : dictionary;
  const BatchSolver solve = (rescaled ? *rescaled : method).start(atoms, samples.rows(), execution);
  if (execution.cancelled()) return Status::cancelled();
  Variance variance;
  const std::size_t rows = samples.rows(), together = execution.device ? kDeviceBatch : kBatch;
  const auto part = [&](std::size_t first) { return samples.slice(first, std::min(together, rows - first)); };
  std::unique_ptr<const ScaledBatch> batch, next;
  const auto prepare = [&](std::size_t first) {
    variance.add(part(first), execution);
    return std::make_unique<const ScaledBatch>(part(first), method.lambdas(), first,
                                               range.ordinary() ? nullptr : &range, execution);
  };
  out.used_device = rows > 0 && execution.device && method.uses_device(atoms);
  if (rows > 0) batch = prepare(0);
  for (std::size_t first = 0; first < rows; first += together, batch = std::move(next)) {
    if (!batch) batch = prepare(first);
    if (execution.cancelled()) return Status::cancelled();
    std::vector<SampleResult> results(batch->count());
    Status status;
    // While a device works on a batch, the next one is prepared.
    const bool ahead = execution.device && first + together < rows;
    execution.for_each(ahead ? 2 : 1, [&](std::size_t which) {
      if (which == 1) {
        next = prepare(first + together);
        return;
      }
      // A loop knows no failure but want of memory.
      try {
        status = solve(*batch, first, results);
      } catch (const device::Failed& failure) {
        status = failure.status;
      }
    });
    if (execution.cancelled()) return Status::cancelled();
    if (status.ok())
      status = review(part(first), dictionary, method, first, execution, results, method.reports_lambda(),
                      range.clamped);
    if (status.ok()) status = append(*batch, results, method.reports_lambda(), out);
    if (!status.ok()) return status;
  }
  out.variance = variance.value();
  return {};
}

Status fold(const SparseCodes& codes, const Dictionary& dictionary, Matrix32 out,
            const Execution& execution) {
  const std::size_t n = codes.indptr.size() - 1;
  if (out.rows != n || out.cols != dictionary.dims())
    return Status::fail(Code::shape, "fold: the output has the wrong shape");
  if (execution.device && out.stride == out.cols) return fold_on_device(codes, dictionary, out, execution);
  const ConstMatrix32 atoms = dictionary.atoms();
  execution.for_each((n + kFoldBlock - 1) / kFoldBlock, [&](std::size_t block) {
    for (std::size_t i = block * kFoldBlock; i < std::min(n, (block + 1) * kFoldBlock); ++i) {
      const std::size_t begin = codes.indptr[i], end = codes.indptr[i + 1];
      if (!codes.wide.empty()) {
        std::vector<double> sum(out.cols, 0.0);
        for (std::size_t k = begin; k < end; ++k)
          for (std::size_t d = 0; d < out.cols; ++d)
            sum[d] += codes.wide[k] * static_cast<double>(atoms.row(codes.indices[k])[d]);
        for (std::size_t d = 0; d < out.cols; ++d) out.row(i)[d] = static_cast<float>(sum[d]);
        continue;
      }
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
