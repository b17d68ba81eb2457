#include "matching_steps.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>

#include "../kernels/compressed_rows/compressed_rows.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/scorer.hpp"
#include "../scoring/top_k.hpp"
#include "omp.hpp"

namespace unsuperpose {

namespace {

/// Samples of one unit of work.
constexpr std::size_t kBlock = 16;
/// Samples scored together against all atoms, so that their correlations fit a cache.
constexpr std::size_t kScored = 256;
/// What things cost, in multiplications of the float32 product for each sample and atom: a step by a product, as a share of all dims,
/// and an update by a Gram row; a Gram row costs as much as the product of one sample, and its bytes.
constexpr double kProductShare = 0.75, kUpdateCost = 10, kRowCost = 0.9;
/// A step rounds a and the entries of r: what is left is off by this share of ‖x‖ a step, at most.
constexpr double kStepRounding = 0x1.0p-23;
/// The same of an update, relative to the size of its correlations: a fused multiply-add and its factor, each rounded once (the scalar
/// level: the product too); and the underflow of these.
constexpr double kUpdateRounding = 3 * 0x1.0p-24;
constexpr double kUnderflow = 0x1.0p-140;
/// For a bound's own rounding.
constexpr double kSlack = 1e-6;
/// More atoms left open than this share cost more, one by one, than scoring all of them again.
constexpr std::size_t kOpenShare = 32, kFewOpen = 16;

/// Samples and atoms of these sizes are scored in float32 without overflow or underflow; others go the way that every size can go.
constexpr double kLeastNorm = 0x1.0p-60, kMostNorm = 0x1.0p60;

struct Sample {
  std::vector<std::uint32_t> atoms;
  std::vector<float> values;
  double norm = 0;  // ‖x‖
  double left = 0;  // ‖r‖
  bool done = false;
  bool exact = false;  // scores in low precision leave too much open
};

struct Scratch {
  Scratch(std::size_t features, std::size_t stride)
      : block_max(compressed_rows::block_max_size(CompressedGram::stride(features))),
        open(CompressedGram::stride(features)),
        next(AlignedBuffer<float>::zeros(stride)) {}
  std::vector<float> block_max;
  AlignedBuffer<std::uint32_t> open;
  AlignedBuffer<float> next;
  std::vector<const float*> rows;
  std::vector<double> products;
};

class Matching {
 public:
  Matching(Matrix32 residuals, const Dictionary& dictionary, const MatchingOptions& options,
           const Execution& execution)
      : residuals_(residuals),
        dictionary_(dictionary),
        options_(options),
        execution_(execution),
        samples_(residuals.rows) {}

  Status run(MatchingScores scores, MatchingSteps& out);

 private:
  double norm_of(std::size_t i) const {
    return std::sqrt(reduce::table().squared_norm(residuals_.row(i), residuals_.cols));
  }
  void start(std::size_t i);
  bool make_gram(MatchingScores scores);
  void take(std::size_t i, std::uint32_t atom, float value, float* next);
  void by_products();
  void by_gram_rows();
  void pursue(std::size_t i, double error, float* correlations, Scratch& scratch);
  std::uint32_t strongest(std::size_t i, std::size_t open, Scratch& scratch, float& value) const;
  Status gather(MatchingSteps& out) const;

  const Matrix32 residuals_;
  const Dictionary& dictionary_;
  const MatchingOptions& options_;
  const Execution& execution_;
  const CompressedGram* gram_ = nullptr;
  std::vector<Sample> samples_;
};

void Matching::start(std::size_t i) {
  Sample& sample = samples_[i];
  sample.norm = sample.left = norm_of(i);
  sample.done = options_.steps == 0 || !(sample.norm > 0);
}

/// One step of sample i: value = d_j·r. `next` has room for a residual.
void Matching::take(std::size_t i, std::uint32_t atom, float value, float* next) {
  Sample& sample = samples_[i];
  if (!(value > 0)) {
    sample.done = true;
    return;
  }
  const bool repeats = options_.stop_on_repeat &&
                       std::find(sample.atoms.begin(), sample.atoms.end(), atom) != sample.atoms.end();
  sample.atoms.push_back(atom);
  sample.values.push_back(value);
  const ConstMatrix32 atoms = dictionary_.atoms();
  float* const row = residuals_.row(i);
  sample.left = std::sqrt(
      sparse_rows::table().residual(row, &atom, &value, 1, atoms.data, atoms.stride, residuals_.cols, next));
  std::memcpy(row, next, residuals_.cols * sizeof(float));
  const std::size_t steps = sample.atoms.size();
  const double rounding = static_cast<double>(steps) * kStepRounding * sample.norm;
  sample.done = repeats || steps == options_.steps || !(sample.left > std::max(rounding, options_.residual));
}

/// A product of all residuals a step.
void Matching::by_products() {
  const std::size_t dims = residuals_.cols, stride = dictionary_.atoms().stride;
  AlignedBuffer<float> together;
  std::vector<std::uint32_t> active, found;
  std::vector<float> values;
  for (std::uint32_t i = 0; i < samples_.size(); ++i)
    if (!samples_[i].done) active.push_back(i);
  while (!active.empty() && !execution_.cancelled()) {
    ConstMatrix32 rows = residuals_;
    if (active.size() < samples_.size()) {
      together.reserve(active.size() * stride);
      for (std::size_t p = 0; p < active.size(); ++p)
        std::memcpy(together.data() + p * stride, residuals_.row(active[p]), dims * sizeof(float));
      rows = {together.data(), active.size(), dims, stride};
    }
    found.resize(active.size());
    values.resize(active.size());
    top_k(rows, dictionary_, 1, false, execution_, found.data(), values.data());
    if (execution_.cancelled()) return;
    execution_.for_items(
        active.size(), kBlock, [&] { return AlignedBuffer<float>(stride); },
        [&](std::size_t p, AlignedBuffer<float>& next) {
          take(active[p], found[p], values[p], next.data());
        });
    std::erase_if(active, [&](std::uint32_t i) { return samples_[i].done; });
  }
}

/// The strongest of the atoms that are open, as float64 ranks them.
std::uint32_t Matching::strongest(std::size_t i, std::size_t open, Scratch& scratch, float& value) const {
  std::sort(scratch.open.data(), scratch.open.data() + open);
  scratch.rows.resize(open);
  scratch.products.resize(open);
  for (std::size_t e = 0; e < open; ++e) scratch.rows[e] = dictionary_.atom(scratch.open[e]);
  dots::table().correlate(scratch.rows.data(), open, residuals_.row(i), residuals_.cols,
                          scratch.products.data());
  const auto best = std::max_element(scratch.products.begin(), scratch.products.end());
  value = static_cast<float>(*best);
  return scratch.open[static_cast<std::size_t>(best - scratch.products.begin())];
}

/// Goes on with sample i from its correlations until it is done, or they tell too little.
void Matching::pursue(std::size_t i, double error, float* correlations, Scratch& scratch) {
  Sample& sample = samples_[i];
  const auto& rows = compressed_rows::table();
  const std::size_t features = dictionary_.features(), padded = CompressedGram::stride(features);
  const std::size_t most_open = std::max(kFewOpen, features / kOpenShare);
  std::fill(correlations + features, correlations + padded, std::numeric_limits<float>::quiet_NaN());
  rows.subtract(correlations, padded, nullptr, nullptr, 0, true, scratch.block_max.data());
  double size = sample.left * dictionary_.max_norm() * (1 + kSlack) + error;
  const double underflow = static_cast<double>(residuals_.cols) * kUnderflow * (1 + dictionary_.max_norm());
  bool fresh = true;
  while (!sample.done && !execution_.cancelled()) {
    const double largest =
        static_cast<double>(reduce::table().max_absolute(scratch.block_max.data(), scratch.block_max.size()));
    // Of exact scores all that they leave open is looked at: nothing tells more.
    const bool certain = fresh && sample.exact;
    std::size_t open = features + 1;
    if (largest > 2 * error) {
      const auto floor = static_cast<float>(largest - 2 * error);
      const std::size_t most = certain ? features : most_open;
      const std::size_t found = rows.above(correlations, padded, scratch.block_max.data(),
                                           std::nextafter(floor, -std::numeric_limits<float>::infinity()),
                                           true, most, scratch.open.data());
      if (found <= most) open = found;
    }
    if (open > features) {
      if (fresh && !sample.exact) sample.exact = true;
      if (!certain) return;
      open = features;
      std::iota(scratch.open.data(), scratch.open.data() + features, 0u);
    }
    fresh = false;
    float value = 0;
    const std::uint32_t j = strongest(i, open, scratch, value);
    if (gram_->has(j)) gram_->prefetch(j);
    take(i, j, value, scratch.next.data());
    if (sample.done) return;
    const double a = static_cast<double>(value), norm = dictionary_.norm(j);
    const float factor = static_cast<float>(a * static_cast<double>(gram_->scale(j)));
    const std::int8_t* row = gram_->row(j);
    correlations[j] -= static_cast<float>(a * norm * norm);
    rows.subtract(correlations, padded, &row, &factor, 1, true, scratch.block_max.data());
    const double most = std::max(gram_->largest(j) + gram_->error(j), norm * norm * (1 + kSlack));
    size += a * most;
    // The residual is rounded too: its correlations are those of what it was before, up to that.
    error = (1 + kSlack) * (error + a * (gram_->error(j) + kUpdateRounding * most) + kUpdateRounding * size +
                            0x1.0p-24 * sample.left * dictionary_.max_norm() + underflow);
  }
}

/// One product, then a Gram row a step; again from the residuals that the bytes of the rows leave open.
void Matching::by_gram_rows() {
  const std::size_t features = dictionary_.features(), padded = CompressedGram::stride(features);
  const std::vector<float> no_weights;
  scoring::Scorer scorer(dictionary_.rows(), no_weights, true, scoring::Ladder::finest);
  AlignedBuffer<float> correlations(std::min(kScored, samples_.size()) * padded);
  std::vector<scoring::Request> requests;
  std::vector<std::uint32_t> active;
  for (std::size_t first = 0; first < samples_.size() && !execution_.cancelled(); first += kScored) {
    const std::size_t end = std::min(samples_.size(), first + kScored);
    active.clear();
    for (std::size_t i = first; i < end; ++i)
      if (samples_[i].norm > kLeastNorm && samples_[i].norm < kMostNorm)
        active.push_back(static_cast<std::uint32_t>(i));
    for (;;) {
      std::erase_if(active, [&](std::uint32_t i) { return samples_[i].done; });
      if (active.empty() || execution_.cancelled()) break;
      for (const bool exact : {false, true}) {
        requests.clear();
        for (const std::uint32_t i : active)
          if (samples_[i].exact == exact)
            requests.push_back({.row = i, .norm = (1 + kSlack) * samples_[i].left});
        if (requests.empty()) continue;
        const std::size_t rung = exact ? scorer.last_rung() : 0;
        scorer.every(rung, residuals_, requests, {correlations.data(), requests.size(), features, padded},
                     execution_);
        if (execution_.cancelled()) return;
        execution_.for_items(
            requests.size(), kBlock, [&] { return Scratch(features, dictionary_.atoms().stride); },
            [&](std::size_t p, Scratch& scratch) {
              const std::uint32_t i = requests[p].row;
              samples_[i].exact = samples_[i].exact || rung == scorer.last_rung();
              pursue(i, scorer[p].error, correlations.data() + p * padded, scratch);
            });
        if (execution_.cancelled()) return;
      }
    }
  }
}

/// Makes the Gram rows, where they are worth it; false if the call was cancelled.
bool Matching::make_gram(MatchingScores scores) {
  if (scores == MatchingScores::products || options_.steps < 2 || samples_.empty()) return true;
  if (!(dictionary_.max_norm() > kLeastNorm && dictionary_.max_norm() < kMostNorm)) return true;
  const CompressedGram& gram = dictionary_.compressed_gram();
  const std::size_t features = dictionary_.features();
  if (scores == MatchingScores::cheapest) {
    const auto dims = static_cast<double>(residuals_.cols), steps = static_cast<double>(options_.steps);
    const auto samples = static_cast<double>(samples_.size());
    const double missing = gram.complete() ? 0 : static_cast<double>(features);
    const double one = steps * kProductShare * dims * samples;
    const double other = (kProductShare * dims + steps * kUpdateCost) * samples + missing * kRowCost * dims;
    if (!gram.fits(kGramBudget) || other > one) return true;
  }
  if (!gram.complete()) {
    std::vector<std::uint32_t> all(features);
    std::iota(all.begin(), all.end(), 0u);
    if (!gram.make(all, std::numeric_limits<std::size_t>::max(), execution_, CompressedGram::Making::rough))
      return false;
  }
  gram_ = &gram;
  return true;
}

Status Matching::gather(MatchingSteps& out) const {
  std::size_t total = 0;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    total += samples_[i].atoms.size();
    if (!std::isfinite(samples_[i].left))
      return Status::fail(Code::not_finite, "sample " + std::to_string(options_.first + i) +
                                                " overflows float32 as it is encoded");
  }
  if (total > std::numeric_limits<std::uint32_t>::max())
    return Status::fail(Code::too_large, "more than 2³² − 1 features are active in these samples together");
  out = {};
  out.indptr.push_back(0);
  out.atoms.reserve(total);
  out.values.reserve(total);
  for (const Sample& sample : samples_) {
    out.atoms.insert(out.atoms.end(), sample.atoms.begin(), sample.atoms.end());
    out.values.insert(out.values.end(), sample.values.begin(), sample.values.end());
    out.indptr.push_back(static_cast<std::uint32_t>(out.atoms.size()));
  }
  return {};
}

Status Matching::run(MatchingScores scores, MatchingSteps& out) {
  execution_.for_items(samples_.size(), kBlock, [&](std::size_t i) { start(i); });
  if (execution_.cancelled() || !make_gram(scores)) return Status::cancelled();
  if (gram_) by_gram_rows();
  by_products();
  return execution_.cancelled() ? Status::cancelled() : gather(out);
}

}  // namespace

Status matching_steps(Matrix32 residuals, const Dictionary& dictionary, const MatchingOptions& options,
                      const Execution& execution, MatchingSteps& out, MatchingScores scores) {
  return Matching(residuals, dictionary, options, execution).run(scores, out);
}

}  // namespace unsuperpose
