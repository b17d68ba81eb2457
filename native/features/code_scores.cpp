#include "code_scores.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"

namespace unsuperpose {

namespace {
/// Samples whose sums are made together.
constexpr std::size_t kBlock = 64;
}  // namespace

struct CodeScores::Block {
  double samples = 0, variance = 0, residual = 0, norm_ratio = 0, norm_samples = 0;
  std::vector<double> mean;
};

CodeScores::CodeScores(std::size_t dims, std::size_t features, std::vector<std::uint32_t> nearest,
                       std::size_t truths)
    : nearest_(std::move(nearest)),
      mean_(sized_vector<double>(dims)),
      used_(sized_vector<double>(features)),
      true_used_(sized_vector<double>(truths)) {
  if (!nearest_.empty()) hits_ = sized_vector<double>(features);
}

std::size_t CodeScores::bytes() const {
  return nearest_.size() * sizeof(std::uint32_t) +
         (mean_.size() + used_.size() + hits_.size() + true_used_.size() + active_.size()) * sizeof(double);
}

CodeScores::Block CodeScores::score(ConstMatrix32 samples, const Reconstructed& made, std::size_t first,
                                    std::size_t count) const {
  const std::size_t dims = samples.cols;
  Block out;
  out.samples = static_cast<double>(count);
  out.mean.assign(dims, 0);
  for (std::size_t i = first; i < first + count; ++i)
    for (std::size_t k = 0; k < dims; ++k) out.mean[k] += static_cast<double>(samples.row(i)[k]);
  for (double& entry : out.mean) entry /= out.samples;
  AlignedBuffer<float> left(made.dictionary ? dims : 0);
  for (std::size_t i = first; i < first + count; ++i) {
    const float* x = samples.row(i);
    double distance = 0, norm = 0, made_norm = 0;
    for (std::size_t k = 0; k < dims; ++k) {
      const double entry = static_cast<double>(x[k]), off = entry - out.mean[k];
      distance += off * off;
      norm += entry * entry;
    }
    if (made.dictionary) {
      const Dictionary& dictionary = *made.dictionary;
      const std::size_t from = made.codes.indptr[i], active = made.codes.indptr[i + 1] - from;
      const auto from_atoms = [&](const float* start) {
        return sparse_rows::table().residual(start, made.codes.indices.data() + from,
                                             made.codes.values.data() + from, active, dictionary.atoms().data,
                                             dictionary.atoms().stride, dims, left.data());
      };
      out.residual += from_atoms(x);
      made_norm = from_atoms(nullptr);
    } else {
      const float* again = made.samples.row(i);
      for (std::size_t k = 0; k < dims; ++k) {
        const double entry = static_cast<double>(again[k]), off = static_cast<double>(x[k]) - entry;
        out.residual += off * off;
        made_norm += entry * entry;
      }
    }
    out.variance += distance;
    if (norm > 0) {
      out.norm_ratio += std::sqrt(made_norm / norm);
      out.norm_samples += 1;
    }
  }
  return out;
}

void CodeScores::merge(const Block& block) {
  const double all = samples_ + block.samples, share = block.samples / all;
  double apart = 0;
  for (std::size_t k = 0; k < mean_.size(); ++k) {
    const double off = block.mean[k] - mean_[k];
    apart += off * off;
    mean_[k] += off * share;
  }
  variance_ += block.variance + apart * samples_ * share;
  samples_ = all;
  residual_ += block.residual;
  norm_ratio_ += block.norm_ratio;
  norm_samples_ += block.norm_samples;
}

void CodeScores::count(const SparseCodes& codes, const SparseCodes* truth) {
  const std::size_t samples = codes.indptr.size() - 1;
  std::vector<std::uint8_t> there(truth ? true_used_.size() : 0, 0);
  for (std::size_t i = 0; i < samples; ++i) {
    if (truth)
      for (std::size_t at = truth->indptr[i]; at < truth->indptr[i + 1]; ++at) {
        if (truth->values[at] == 0) continue;
        there[truth->indices[at]] = 1;
        true_used_[truth->indices[at]] += 1;
        true_active_ += 1;
      }
    std::size_t active = 0;
    for (std::size_t at = codes.indptr[i]; at < codes.indptr[i + 1]; ++at) {
      if (codes.values[at] == 0) continue;
      const std::uint32_t j = codes.indices[at];
      ++active;
      used_[j] += 1;
      if (truth && there[nearest_[j]]) hits_[j] += 1;
    }
    active_[active] += 1;
    if (truth)
      for (std::size_t at = truth->indptr[i]; at < truth->indptr[i + 1]; ++at) there[truth->indices[at]] = 0;
  }
}

std::vector<double> CodeScores::wanted() const {
  std::vector<double> out;
  for (const std::uint32_t one : nearest_) out.push_back(true_used_[one]);
  return out;
}

Status CodeScores::observe(ConstMatrix32 samples, const Reconstructed& made, const SparseCodes* truth,
                           const Execution& execution) {
  if (samples.rows == 0) return {};
  std::vector<Block> blocks((samples.rows + kBlock - 1) / kBlock);
  execution.for_each(blocks.size(), [&](std::size_t block) {
    const std::size_t first = block * kBlock;
    blocks[block] = score(samples, made, first, std::min(kBlock, samples.rows - first));
  });
  if (execution.cancelled()) return Status::cancelled();
  std::size_t most = 0;
  for (std::size_t i = 0; i < samples.rows; ++i)
    most = std::max<std::size_t>(most, made.codes.indptr[i + 1] - made.codes.indptr[i]);
  if (active_.size() <= most) active_.resize(most + 1, 0);
  for (const Block& block : blocks) merge(block);
  count(made.codes, truth);
  return {};
}

}  // namespace unsuperpose
