// Orthogonal matching pursuit: the atom most correlated with the residual joins the support, the code is the least
// squares solution on it, again. Nonnegative: arg-max without the absolute value, and nonnegative least squares on
// the support (Lawson & Hanson 1974, ch. 23).
//
// All atoms are scored against the batch in one product. From there a sample goes on alone, as in Batch-OMP (Rubinstein,
// Zibulevsky & Elad 2008): the correlations are brought up to date with Gram rows, as far as it takes to
// tell all but a few atoms from the strongest (lazy_correlations.hpp), and exact correlations of those few decide. Where
// that leaves too many open, or without a Gram matrix, the sample waits for the next product, of its residual.
//
// A Gram row costs what scoring one residual in float32 does, and is kept with the dictionary. So the rows that the samples of a batch
// wait for are made together, where scoring in low precision is not cheaper: then a row is made once it was wanted as often as
// would have paid for it (the rule of ski rental), over all calls; or all of them at the start of a call, once they were, and will be, wanted as
// often on average as pays for that. What was made before changes no answer: exact correlations make the choices.
//
// A pursuit that no option ends goes on until its residual is zero to float64 rounding, or correlates with no atom beyond that.
// An atom that depends on the chosen ones to float32 accuracy is passed over for the next strongest.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "../scoring/scorer.hpp"
#include "active_samples.hpp"
#include "batch.hpp"
#include "kept_samples.hpp"
#include "omp.hpp"
#include "omp_cost.hpp"
#include "omp_sample.hpp"

namespace unsuperpose {

namespace {

/// Updating a correlation by a Gram row costs about this many of the packed product's multiplications.
constexpr double kUpdateCost = 8;
/// What the rounding of float32 atoms can do to a correlation, relative to ‖d_j‖‖r‖.
constexpr double kAtomRounding = 1e-6;
/// Nonnegative pursuits can drop atoms again; this many choices a wanted atom end one that cycles.
constexpr std::size_t kChoicesPerAtom = 3;
/// More atoms left open than this share cost more, one by one, than scoring all of them in the next product; more
/// than a few cost more than the Gram rows that wait.
constexpr std::size_t kOpenShare = 32;
constexpr std::size_t kFewOpen = 16;
/// Correlations held at a time, but for no fewer samples than keep the product bound by arithmetic; samples that
/// a thread takes at a time.
constexpr std::size_t kCorrelationBytes = std::size_t{4} << 20;
constexpr std::size_t kFewestScored = 128;
/// The same while Gram rows are missing, so that many are made at once.
constexpr std::size_t kFewestMaking = 512;
constexpr std::size_t kKeptBytes = 2 * kCorrelationBytes;
constexpr std::size_t kSamplesAtOnce = 16;
/// Room made for a support at once.
constexpr std::size_t kUsualSupport = 64;
/// For a bound's own rounding.
constexpr double kSlack = 1e-6;
/// More dims overflow sums of int8 products, which a device takes.
constexpr std::size_t kMostDeviceDims = 131072;
/// Scores whose error comes to this share of ‖d_j‖‖x‖ tell nothing.
constexpr double kUsefulError = 0.25;

using Sample = OmpSample;
using Scratch = OmpScratch;

/// What came of an atom: it stands at the end of an otherwise unchanged support, something else changed, or nothing did.
enum class Taken : std::uint8_t { appended, changed, dependent };

class PursuitBatch {
 public:
  /// `wanted`: how often the call will want each row of the Gram matrix, on average.
  PursuitBatch(const ScaledBatch& batch, const Dictionary& dictionary, const CompressedGram* gram,
               double wanted, const OrthogonalMatchingPursuit& options, std::size_t first,
               const Execution& execution, std::vector<SampleResult>& out)
      : batch_(batch),
        dictionary_(dictionary),
        gram_(gram),
        options_(options),
        first_(first),
        execution_(execution),
        out_(out),
        scorer_(dictionary.rows(), no_weights_, options.nonnegative, pursuit_ladder()),
        rough_rung_(scorer_.tells(0, kUsefulError) ? 0 : scorer_.last_rung()),
        cost_(row_cost(scorer_.precision(rough_rung_))),
        rents_(wanted >= cost_.alone ? 1 : cost_.alone),
        samples_(batch.count()),
        norms_(batch.count()),
        errors_(batch.count()) {}

  /// `from`: where a device has left them, or null.
  Status run(const OmpStart* from);

 private:
  void resume(std::size_t i, const OmpStart& from, Scratch& scratch);
  void score(std::span<const std::uint32_t> samples, bool exact, float* correlations);
  std::size_t sparsity(std::size_t i) const { return options_.most_atoms(first_ + i, dictionary_); }
  double bound(std::size_t i) const { return batch_.to_scaled(i, options_.residual); }
  bool wants_more(std::size_t i) const {
    return !samples_[i].done && samples_[i].support.size() < sparsity(i);
  }
  bool wait_for_row(std::size_t choice) const;
  void pursue(std::size_t i, float* correlations, Scratch& scratch);
  bool pursue_all(std::span<const std::uint32_t> samples, float* correlations, std::size_t padded);
  Taken take(std::size_t i, std::size_t choice, Scratch& scratch);
  void take_independent(std::size_t i, Scratch& scratch);
  void finish(std::size_t i, Scratch& scratch);

  const ScaledBatch& batch_;
  const Dictionary& dictionary_;
  const CompressedGram* gram_;
  const OrthogonalMatchingPursuit& options_;
  const std::size_t first_;
  const Execution& execution_;
  std::vector<SampleResult>& out_;
  const std::vector<float> no_weights_;
  scoring::Scorer scorer_;
  const std::size_t rough_rung_;  // what leaves few atoms open, cheaply
  const RowCost cost_;
  const unsigned rents_;  // a row is made when it was wanted that often
  std::vector<scoring::Request> requests_;
  KeptSamples<Sample> samples_;
  AlignedBuffer<float> residuals_;
  std::vector<double> norms_, errors_;  // of the residuals that were scored, and of the scores
};

/// Adds the atom to the support and solves again, unless it depends on the atoms there.
Taken PursuitBatch::take(std::size_t i, std::size_t choice, Scratch& scratch) {
  Sample& sample = samples_[i];
  if (gram_ && gram_->has(choice)) gram_->prefetch(choice);
  if (!sample.append(static_cast<std::uint32_t>(choice), scratch)) return Taken::dependent;
  ++sample.choices;
  const bool dropped = options_.nonnegative && sample.make_nonnegative();
  if (dropped) {
    sample.dependent.clear();
    // Dropped again itself: its correlation was the rounding of the code.
    if (std::find(sample.support.begin(), sample.support.end(), choice) == sample.support.end())
      sample.dependent.push_back(static_cast<std::uint32_t>(choice));
  }
  if (sample.reached(bound(i), scratch))
    sample.end(Outcome::converged);
  else if (options_.nonnegative && sample.choices >= kChoicesPerAtom * sparsity(i) && wants_more(i))
    sample.end(Outcome::iterations);
  return dropped ? Taken::changed : Taken::appended;
}

/// Takes the strongest atom that does not depend on the support. Ends the sample if there is none.
void PursuitBatch::take_independent(std::size_t i, Scratch& scratch) {
  Sample& sample = samples_[i];
  std::vector<bool> out(dictionary_.features());
  for (const std::uint32_t j : sample.support) out[j] = true;
  for (const std::uint32_t j : sample.dependent) out[j] = true;
  scratch.open.clear();
  for (std::uint32_t j = 0; j < dictionary_.features(); ++j)
    if (!out[j]) scratch.open.push_back(j);
  sample.weigh(scratch);
  const double floor = sample.rounding(), norm = sample.exact_residual(scratch);
  std::vector<std::size_t> order;
  for (std::size_t p = 0; p < scratch.open.size(); ++p)
    if (scratch.strengths[p] > floor * dictionary_.norm(scratch.open[p])) order.push_back(p);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scratch.strengths[a] > scratch.strengths[b]; });
  bool rounded = true;
  for (const std::size_t p : order) {
    if (execution_.cancelled()) return;
    const std::uint32_t j = scratch.open[p];
    if (take(i, j, scratch) != Taken::dependent) return;
    rounded = rounded && scratch.strengths[p] <= kAtomRounding * dictionary_.norm(j) * norm;
    sample.dependent.insert(std::lower_bound(sample.dependent.begin(), sample.dependent.end(), j), j);
  }
  sample.end(rounded && options_.residual == 0 ? Outcome::converged : Outcome::stalled);
}

/// Is the missing row of this atom to be made?
bool PursuitBatch::wait_for_row(std::size_t choice) const {
  return gram_->missed(choice) >= rents_ && gram_->room(options_.gram_budget);
}

/// Goes on with sample i from its scores until it is finished, waits for a Gram row or needs the next product.
void PursuitBatch::pursue(std::size_t i, float* correlations, Scratch& scratch) {
  Sample& sample = samples_[i];
  LazyCorrelations& lazy = scratch.correlations;
  if (sample.support.empty()) {
    const std::size_t size = std::min(sparsity(i), kUsualSupport);
    sample.support.reserve(size);
    sample.fit.reserve(size);
  }
  const std::size_t most_open = std::max(kFewOpen, dictionary_.features() / kOpenShare);
  bool fresh = !sample.waits_for_row;
  if (fresh) {
    lazy.start(correlations, errors_[i], norms_[i] * dictionary_.max_norm(), sample.support,
               sample.fit.solution());
    if (!sample.dependent.empty()) lazy.exclude(sample.dependent);
  } else {
    sample.waits_for_row = false;
    if (!gram_->has(sample.support.back())) return;  // there was no room for it
    lazy.resume(correlations, sample.paused);
    lazy.add(sample.support, sample.fit.solution());
  }
  // Exact scores cannot be had any better: the first choice from them is made whatever it takes.
  bool certain = fresh && (sample.exact || rough_rung_ == scorer_.last_rung());
  while (!execution_.cancelled()) {
    std::span<const std::uint32_t> open;
    for (;;) {
      const std::size_t most = certain ? dictionary_.features() : lazy.waits() ? kFewOpen : most_open;
      if ((certain || lazy.tells()) && lazy.strong(most, open)) break;
      if (!lazy.waits()) {
        if (fresh) sample.exact = true;
        return;
      }
      if (!lazy.refresh()) return;
    }
    certain = fresh = false;
    const std::size_t choice = sample.strongest(open, scratch);
    if (choice == dictionary_.features()) {
      // Nothing correlates with what is left. That is all there is to explain, unless a residual was asked for.
      return sample.end(options_.residual > 0 ? Outcome::stalled : Outcome::converged);
    }
    const Taken taken = take(i, choice, scratch);
    if (taken == Taken::dependent) return take_independent(i, scratch);
    if (taken == Taken::changed || !gram_ || !wants_more(i)) return;
    if (!gram_->has(choice)) {
      sample.waits_for_row = wait_for_row(choice);
      if (sample.waits_for_row) sample.paused = lazy.pause();
      return;
    }
    lazy.add(sample.support, sample.fit.solution());
  }
}

/// Goes on with samples that were scored, row by row of the Gram matrix, until none waits for one. False if the call was cancelled.
bool PursuitBatch::pursue_all(std::span<const std::uint32_t> samples, float* correlations,
                              std::size_t padded) {
  std::vector<std::uint32_t> positions(samples.size()), rows;
  std::iota(positions.begin(), positions.end(), 0u);
  while (!positions.empty()) {
    execution_.for_items(
        positions.size(), kSamplesAtOnce, [&] { return Scratch(gram_, dictionary_, options_.nonnegative); },
        [&](std::size_t k, Scratch& scratch) {
          pursue(samples[positions[k]], correlations + positions[k] * padded, scratch);
        });
    if (execution_.cancelled()) return false;
    std::erase_if(positions, [&](std::uint32_t p) { return !samples_[samples[p]].waits_for_row; });
    rows.clear();
    for (const std::uint32_t p : positions) rows.push_back(samples_[samples[p]].support.back());
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    if (!rows.empty() && !gram_->make(rows, options_.gram_budget, execution_)) return false;
  }
  return true;
}

void PursuitBatch::finish(std::size_t i, Scratch& scratch) {
  const Sample& sample = samples_[i];
  const double squared = sample.coded_residual(scratch.residual.data(), scratch);
  std::vector<std::pair<std::uint32_t, float>>& codes = scratch.codes;
  codes.clear();
  for (std::size_t k = 0; k < sample.support.size(); ++k)
    codes.emplace_back(sample.support[k], static_cast<float>(sample.fit.solution()[k]));
  std::sort(codes.begin(), codes.end());
  SampleResult& result = out_[i];
  result.gap = std::numeric_limits<double>::quiet_NaN();
  result.iterations = sample.choices;
  result.outcome =
      options_.outcome_of(sample.outcome, first_ + i, dictionary_, sample.support.size(), squared, bound(i));
  batch_.finish(i, codes, 0.5 * squared, squared, result);
}

/// The correlations of all atoms with the samples' residuals, one padded row a sample, and their errors.
void PursuitBatch::score(std::span<const std::uint32_t> samples, bool exact, float* correlations) {
  const std::size_t features = dictionary_.features();
  const bool started = std::any_of(samples.begin(), samples.end(),
                                   [&](std::uint32_t i) { return !samples_[i].support.empty(); });
  if (started) residuals_.reserve(batch_.count() * batch_.samples().stride);
  execution_.for_each(samples.size(), [&](std::size_t p) {
    const std::size_t i = samples[p];
    if (!started) {
      norms_[i] = (1 + kSlack) * std::sqrt(batch_.squared_norm(i));
      errors_[i] = 0;
      return;
    }
    float* to = residuals_.data() + i * batch_.samples().stride;
    norms_[i] = (1 + kSlack) * std::sqrt(samples_[i].residual(to, errors_[i]));
    errors_[i] *= dictionary_.max_norm();
  });
  ConstMatrix32 rows = batch_.samples();
  if (started) rows.data = residuals_.data();
  requests_.assign(samples.size(), {});
  for (std::size_t p = 0; p < samples.size(); ++p) {
    const std::size_t i = samples[p];
    requests_[p] = {.row = samples[p], .norm = norms_[i], .besides = (1 + kSlack) * errors_[i]};
  }
  scorer_.every(exact ? scorer_.last_rung() : rough_rung_, rows, requests_,
                {correlations, samples.size(), features, CompressedGram::stride(features)}, execution_);
  for (std::size_t p = 0; p < samples.size(); ++p) errors_[samples[p]] = scorer_[p].error;
}

/// The support that a device has found; from the beginning where the atoms are dependent after all.
void PursuitBatch::resume(std::size_t i, const OmpStart& from, Scratch& scratch) {
  Sample& sample = samples_[i];
  for (const std::uint32_t j : from.supports[i]) {
    if (sample.append(j, scratch)) continue;
    sample.reset();
    sample.start(batch_.samples().row(i), batch_.squared_norm(i), dictionary_, options_.nonnegative);
    return;
  }
  if (options_.nonnegative) sample.make_nonnegative();
  sample.choices = from.choices[i];
}

Status PursuitBatch::run(const OmpStart* from) {
  const std::size_t features = dictionary_.features(), padded = CompressedGram::stride(features);
  const std::size_t fewest = gram_ && !gram_->complete() ? kFewestMaking : kFewestScored;
  const std::size_t at_once = std::max(fewest, kCorrelationBytes / (padded * sizeof(float)));
  // Kept between batches, unless it is large: fresh pages would cost more than the updates.
  static thread_local AlignedBuffer<float> kept;
  const std::size_t size = std::min(at_once, batch_.count()) * padded;
  AlignedBuffer<float> large(size * sizeof(float) > kKeptBytes ? size : 0);
  if (large.size() == 0) kept.reserve(size);
  float* const correlations = large.size() > 0 ? large.data() : kept.data();
  ActiveSamples active(batch_.count(), kSamplesAtOnce, execution_);
  for (std::size_t i = 0; i < batch_.count(); ++i) {
    samples_[i].reset();
    samples_[i].start(batch_.samples().row(i), batch_.squared_norm(i), dictionary_, options_.nonnegative);
    samples_[i].done = !(batch_.squared_norm(i) > bound(i) * bound(i));
  }
  const auto scratch = [&] { return Scratch(nullptr, dictionary_, options_.nonnegative); };
  if (from) {
    active.skip([&](std::uint32_t i) { return from->done[i] != 0; });
    execution_.for_items(active.size(), kSamplesAtOnce, scratch,
                         [&](std::size_t p, Scratch& own) { resume(active[p], *from, own); });
  }
  for (;;) {
    active.drop([&](std::uint32_t i) { return !wants_more(i); });
    if (active.empty()) break;
    const std::size_t rough = active.partition([&](std::uint32_t i) { return !samples_[i].exact; });
    for (std::size_t first = 0, end; first < active.size(); first = end) {
      end = std::min(first + at_once, first < rough ? rough : active.size());
      const std::span<const std::uint32_t> samples = active.samples().subspan(first, end - first);
      score(samples, first >= rough, correlations);
      if (execution_.cancelled()) return Status::cancelled();
      if (!pursue_all(samples, correlations, padded)) return Status::cancelled();
    }
  }
  execution_.for_items(batch_.count(), kSamplesAtOnce, scratch, [&](std::size_t i, Scratch& own) {
    if (!from || !from->done[i]) finish(i, own);
  });
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace

Status OrthogonalMatchingPursuit::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  return check_greedy(samples, dictionary);
}

bool OrthogonalMatchingPursuit::uses_device(const Dictionary& dictionary) const {
  return dictionary.dims() <= kMostDeviceDims;
}

BatchSolver OrthogonalMatchingPursuit::start(const Dictionary& dictionary, std::size_t samples,
                                             const Execution& execution) const {
  double atoms = static_cast<double>(std::min(dictionary.dims(), dictionary.features()));
  if (!sparsity.empty()) {
    atoms = 0;
    for (std::uint32_t k : sparsity) atoms += static_cast<double>(k);
    atoms /= static_cast<double>(sparsity.size());
  }
  const double features = static_cast<double>(dictionary.features());
  const bool pays = atoms >= 2 && static_cast<double>(dictionary.dims()) > 2 * kUpdateCost;
  const double wanted = static_cast<double>(samples) * (atoms - 1) / features;  // of each row, in this call
  const bool int8 = pursuit_ladder() == scoring::Ladder::every &&
                    product::rounded_kernels(product::Precision::int8, dictionary.dims());
  const double together = row_cost(int8 ? product::Precision::int8 : product::Precision::float32).together;
  return [&, this, pays, wanted, together](const ScaledBatch& batch, std::size_t first,
                                           std::vector<SampleResult>& out) {
    OmpStart left;
    const bool on_device = execution.device && uses_device(dictionary);
    if (on_device) {
      const Status status = solve_on_device(batch, dictionary, first, execution, left, out);
      if (!status.ok() || left.left == 0) return status;
    }
    const double share =
        on_device ? static_cast<double>(left.left) / static_cast<double>(batch.count()) : 1.0;
    const CompressedGram* gram = nullptr;
    if (pays && gram_budget >= CompressedGram::row_bytes(dictionary.features())) {
      gram = &dictionary.compressed_gram();
      // Rows that were wanted, and will be, as often as pays for them: all of them at once are made faster.
      if (first == 0 && share * wanted + gram->missed() >= together && gram->fits(gram_budget) &&
          !gram->complete()) {
        std::vector<std::uint32_t> all(dictionary.features());
        std::iota(all.begin(), all.end(), 0u);
        if (!gram->make(all, gram_budget, execution)) return Status::cancelled();
      }
    }
    return PursuitBatch(batch, dictionary, gram, share * wanted, *this, first, execution, out)
        .run(on_device ? &left : nullptr);
  };
}

}  // namespace unsuperpose
