#include "lasso_batch.hpp"

#include <algorithm>
#include <cmath>

namespace unsuperpose {

namespace {

constexpr std::uint32_t kDefaultRounds = 200;
/// Samples a block of the parallel loops: enough to amortise a block, few enough to balance.
constexpr std::size_t kBlock = 8;
constexpr unsigned kStallRounds = 3;  // rounds without a new atom and without progress
/// A list has room for so many times what is chosen, so that it shows where the choice ends.
constexpr std::size_t kListed = 2;
constexpr std::size_t kBeyond = 8;
/// Scores kept at a time, but for no fewer samples than keep a pass bound by arithmetic.
constexpr std::size_t kKeptBytes = std::size_t{32} << 20;
constexpr std::size_t kFewestKept = 128;
/// A row is missed at most so often before it is made.
constexpr std::size_t kMostMissed = 250;

/// Where bytes cost little less than 16 bits, the first scores are of 16 bits: those can be kept.
std::uint8_t first_rung(const scoring::Scorer& scorer, const Lasso& options) {
  const bool finer = options.weights.empty() && active_isa() == Isa::avx2 &&
                     scorer.precision(0) == product::Precision::int8 && scorer.rungs() > 2;
  return finer ? 1 : 0;
}

std::vector<std::pair<std::uint32_t, float>> code_of(const WorkingSet& set) {
  std::vector<std::pair<std::uint32_t, float>> codes;
  for (std::size_t k = 0; k < set.size(); ++k)
    if (set.code()[k] != 0) codes.emplace_back(set.atoms()[k], set.code()[k]);
  return codes;
}

}  // namespace

std::size_t first_choice(std::size_t dims) { return std::clamp<std::size_t>(dims / 32, 8, 64); }

std::size_t later_choice(std::size_t dims, std::size_t size) {
  return std::max(first_choice(dims) * 3 / 4, size / 2);
}

bool LassoBatch::keeps_scores(std::size_t features) {
  return kFewestKept * CompressedGram::stride(features) * sizeof(float) <= 2 * kKeptBytes;
}

LassoBatch::LassoBatch(const ScaledBatch& batch, const Dictionary& dictionary, const Lasso& options,
                       LassoGram& gram, const Execution& execution, std::vector<SampleResult>& out)
    : batch_(batch),
      dictionary_(dictionary),
      options_(options),
      gram_(gram),
      execution_(execution),
      out_(out),
      ridge_(options.ridge),
      max_rounds_(options.max_iterations ? options.max_iterations : kDefaultRounds),
      smallest_weight_(
          options.weights.empty() ? 1 : *std::min_element(options.weights.begin(), options.weights.end())),
      active_(batch.count(), kBlock, execution),
      residual_stride_(batch.samples().stride),
      residuals_(batch.count() * batch.samples().stride),
      scorer_(dictionary.rows(), options.weights, options.nonnegative, scoring::Ladder::useful),
      first_rung_(first_rung(scorer_, options)) {}

void LassoBatch::start(Sample& sample, const SparseCodes* warm, std::size_t first) {
  Workspace& scratch = lasso_workspace(dictionary_.features());
  if (warm) {
    const double lambda = batch_.lambda(sample.slot);
    for (std::size_t k = warm->indptr[first + sample.slot]; k < warm->indptr[first + sample.slot + 1]; ++k) {
      const float value = batch_.start(sample.slot, warm->indices[k], warm->values[k]);
      if (value == 0 || (options_.nonnegative && value < 0) || dictionary_.norm(warm->indices[k]) == 0)
        continue;
      sample.set.add(dictionary_, warm->indices[k], static_cast<float>(lambda * weight(warm->indices[k])));
      sample.set.code()[sample.set.size() - 1] = value;
    }
  }
  evaluate(sample, scratch);
  if (sample.set.size() == 0 || objective(sample) <= 0.5 * sample.at.squared_input) return;
  // Worse than zero: what it was of use for are its atoms.
  std::fill_n(sample.set.code(), sample.set.size(), 0.0f);
  evaluate(sample, scratch);
}

/// Scores all atoms against the residuals of these samples, down to where a score might still belong to a violator. `kept` has room
/// for all their scores, padded rows, or is null; answers whether they are there.
bool LassoBatch::score(std::span<const std::uint32_t> samples, float* kept) {
  const StageTimer timer(options_.profile.get(), Stage::score);
  requests_.resize(samples.size());
  std::size_t largest = 0;
  bool fresh = true;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples_[samples[i]];
    // The first choice needs no proof.
    requests_[i] = {.row = sample.slot,
                    .norm = norm(sample),
                    .threshold = batch_.lambda(sample.slot),
                    .rung = sample.rung,
                    .rough = sample.solves == 0 && sample.rung == first_rung_};
    largest = std::max(largest, sample.set.size());
    fresh = fresh && sample.solves == 0;
  }
  const std::size_t dims = dictionary_.dims(), features = dictionary_.features();
  // The first residuals are the largest, and so is the error of their scores: that of bytes is too large to go on from.
  const bool stored =
      kept && (!fresh || (gram_.used && scorer_.precision(first_rung_) != product::Precision::int8));
  // What is stored is not listed, but for the first choice. A working set's own atoms are listed too.
  std::size_t capacity = largest + kListed * later_choice(dims, largest) + kBeyond;
  if (fresh)
    capacity = largest + first_choice(dims);
  else if (stored)
    capacity = 1;
  const ConstMatrix32 residuals{residuals_.data(), batch_.count(), dims, residual_stride_};
  Matrix32 all;
  if (stored) all = {kept, samples.size(), features, CompressedGram::stride(features)};
  scorer_.score(residuals, requests_, capacity, execution_, all);
  return stored;
}

/// Keeps the code if it is the best one so far: in float32 the next one may be worse.
void LassoBatch::remember(Sample& sample) const {
  if (!(objective(sample) < sample.best_objective)) return;
  sample.best = code_of(sample.set);
  sample.best_at = sample.at;
  sample.best_objective = objective(sample);
}

void LassoBatch::finish(Sample& sample, double gap, Outcome outcome) {
  std::vector<std::pair<std::uint32_t, float>> codes = code_of(sample.set);
  if (outcome != Outcome::converged && sample.best_objective < objective(sample)) {
    gap -= (objective(sample) - sample.best_objective) / (0.5 * sample.at.squared_input);
    codes = std::move(sample.best);
    sample.at = sample.best_at;
  }
  std::sort(codes.begin(), codes.end());
  SampleResult& result = out_[sample.slot];
  result.gap = gap;
  result.outcome = outcome;
  result.iterations = sample.solves;
  batch_.finish(sample.slot, codes, objective(sample), sample.at.squared_residual, result);
  sample.done = true;
}

/// What a sample lacked of Gram rows: they are made once they were missed as often as would have paid for them.
void LassoBatch::miss(std::span<const std::uint32_t> rows) {
  const std::size_t enough =
      std::min(kMostMissed, rows.size() * CompressedGram::row_cost(scorer_.precision(0)));
  for (const std::uint32_t j : rows) {
    if (gram_.gram->missed(j) < enough || !gram_.gram->room(options_.gram_budget)) continue;
    const std::lock_guard lock(lacking_mutex_);
    lacking_.push_back(j);
  }
}

/// Goes on with a sample that was scored: finishes it, or solves on a larger working set, on and on where its scores were kept and
/// the Gram rows are there.
void LassoBatch::advance(Sample& sample, std::size_t position, float* kept, LazyCorrelations* lazy) {
  Workspace& scratch = lasso_workspace(dictionary_.features());
  sample.rung = requests_[position].rung;
  const double norm_before = norm(sample);
  {
    const StageTimer timer(options_.profile.get(), Stage::certify);
    list(sample, position, scratch);
    if (kept) {
      lazy->start(kept, scorer_[position].error, norm_before * dictionary_.max_norm(), sample.set.atoms(),
                  sample.set.code());
    }
  }
  bool decided = choose_roughly(sample, scratch);
  if (!decided) {
    if (kept) list_kept(sample, *lazy, scorer_[position].error, scratch);
    decided = decide(sample, scratch);
  }
  if (!decided) {
    if (sample.rung + 1u < scorer_.rungs()) {
      ++sample.rung;  // too coarse a look: look closer
      return;
    }
    if (useful(sample, scratch.outside.error))
      decide_whole(sample, scratch);
    else
      decide_as_scored(sample, scratch);
  }
  const bool first = sample.solves == 0;
  bool open = step(sample, scratch);
  if (first) sample.rung = 0;
  while (open && gram_.gram && !execution_.cancelled()) {
    asked_.fetch_add(1, std::memory_order_relaxed);
    scratch.support.clear();
    if (!kept) {
      for (std::size_t k = 0; k < sample.set.size(); ++k)
        if (sample.set.code()[k] != 0 && !gram_.gram->has(sample.set.atoms()[k]))
          scratch.support.push_back(sample.set.atoms()[k]);
    }
    const bool followed = kept && follow(sample, *lazy, norm_before, scratch);
    if (scratch.support.empty())
      had_.fetch_add(1, std::memory_order_relaxed);
    else
      miss(scratch.support);
    if (!followed || !decide(sample, scratch)) return;
    open = step(sample, scratch);
  }
}

/// From what was decided about the atoms outside: finishes the sample and answers false, or takes the violators in and solves.
bool LassoBatch::step(Sample& sample, Workspace& scratch) {
  const Decision& decision = scratch.decision;
  const double lambda = batch_.lambda(sample.slot);
  double strongest = std::max(sample.strongest, decision.strongest);
  const double open_gap = relative_gap(sample.at, lambda, ridge_, strongest);
  // What was not listed is below the weakest of a full list, or below the floor.
  if (!decision.certain) strongest = std::max(strongest, scratch.outside.unlisted);
  const double gap = relative_gap(sample.at, lambda, ridge_, strongest);
  const auto end = [&](Outcome outcome) {
    finish(sample, gap, outcome);
    return false;
  };
  if (gap <= options_.tolerance) return end(Outcome::converged);
  if (decision.violators.empty()) {
    // Only the bound of what scores may be wrong by stands in the way: more rounds would not change that (review.hpp decides).
    if (!decision.certain && open_gap <= options_.tolerance) return end(Outcome::stalled);
    sample.rounds_without_progress = gap > 0.5 * sample.best_gap ? sample.rounds_without_progress + 1 : 0;
    if (sample.rounds_without_progress == kStallRounds) return end(Outcome::stalled);
    sample.best_gap = std::min(sample.best_gap, gap);
  } else {
    sample.rounds_without_progress = 0;
  }
  if (sample.solves == max_rounds_) return end(Outcome::iterations);
  remember(sample);
  take(sample, scratch);
  solve(sample, scratch);
  evaluate(sample, scratch);
  return true;
}

/// Makes the Gram rows that enough samples lacked. False if the call was cancelled.
bool LassoBatch::make_rows() {
  if (lacking_.empty() || gram_.gram->busy()) return !execution_.cancelled();
  const StageTimer timer(options_.profile.get(), Stage::gram);
  std::sort(lacking_.begin(), lacking_.end());
  lacking_.erase(std::unique(lacking_.begin(), lacking_.end()), lacking_.end());
  const bool made = gram_.gram->make(lacking_, options_.gram_budget, execution_);
  lacking_.clear();
  return made;
}

Status LassoBatch::run(const SparseCodes* warm, std::size_t first) {
  samples_.resize(batch_.count());
  active_.for_each([&](std::uint32_t i, std::size_t) {
    samples_[i].slot = i;
    samples_[i].rung = first_rung_;
    start(samples_[i], warm, first);
  });
  const std::size_t padded = CompressedGram::stride(dictionary_.features());
  const bool keeps = !weighted() && keeps_scores(dictionary_.features());
  const std::size_t together =
      keeps ? std::max(kFewestKept, kKeptBytes / (padded * sizeof(float))) : batch_.count();
  if (keeps) gram_.kept.reserve(std::min(together, batch_.count()) * padded);
  float* const kept = keeps ? gram_.kept.data() : nullptr;
  const auto lazy = [&] {
    return LazyCorrelations(gram_.gram, kept ? dictionary_.features() : 0, options_.nonnegative);
  };
  while (!active_.empty()) {
    for (std::size_t begin = 0, end; begin < active_.size(); begin = end) {
      end = std::min(begin + together, active_.size());
      const std::span<const std::uint32_t> samples = active_.samples().subspan(begin, end - begin);
      if (execution_.cancelled()) return Status::cancelled();
      const bool stored = score(samples, kept);
      if (execution_.cancelled()) return Status::cancelled();
      execution_.for_items(samples.size(), kBlock, lazy, [&](std::size_t k, LazyCorrelations& correlations) {
        advance(samples_[samples[k]], k, stored ? kept + k * padded : nullptr, &correlations);
      });
    }
    if (execution_.cancelled()) return Status::cancelled();
    active_.drop([&](std::uint32_t i) {
      if (samples_[i].done) samples_[i].set = WorkingSet();
      return samples_[i].done;
    });
  }
  if (gram_.gram && !make_rows()) return Status::cancelled();
  // Where few samples find their rows, keeping scores costs more than it saves.
  if (asked_ > 0) gram_.used = 2 * had_ >= asked_;
  return {};
}

}  // namespace unsuperpose
