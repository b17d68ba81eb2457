// LASSO by working sets: score → certify → choose → solve → residual, a batch at a time.
//
//   P(a) = ½‖x − aD‖² + λ Σ w_j|a_j| + (β/2)‖a‖²
//
// One pass scores every atom against the residuals of the samples that are left (scoring/scorer.hpp, in low precision where its
// error bound allows); each sample then certifies itself by its duality gap and leaves, or takes its strongest KKT
// violators into its working set and solves on it, with a small Gram matrix. The structure is that of celer
// (Massias, Gramfort, Salmon 2018), cut down to what a batch of small problems needs.
#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/cancellation.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/exact.hpp"
#include "active_samples.hpp"
#include "batch.hpp"
#include "certificate.hpp"
#include "kept_samples.hpp"
#include "lasso.hpp"
#include "lasso_sample.hpp"

namespace unsuperpose {

namespace {

constexpr std::uint32_t kDefaultRounds = 200;
/// Samples a block of the parallel loops: enough to amortise a block, few enough to balance.
constexpr std::size_t kBlock = 8;
/// The inner solve aims at this share of the gap that is asked for.
constexpr double kInnerShare = 0.25;
constexpr unsigned kFirstSweeps = 3,
                   kSweeps = 12;  // of coordinate descent before a Newton step is tried: at first, later
constexpr unsigned kFirstAttempts = 4;
constexpr unsigned kAttempts = 60;        // descent + Newton rounds
constexpr unsigned kPatientSweeps = 400;  // where Newton cannot help (dependent atoms)
constexpr unsigned kStallRounds = 3;      // rounds without a new atom and without progress

using Sample = LassoSample;
using Workspace = LassoWorkspace;

class LassoBatch {
 public:
  LassoBatch(const ScaledBatch& batch, const Dictionary& dictionary, const Lasso& options,
             const Execution& execution, std::vector<SampleResult>& out)
      : batch_(batch),
        dictionary_(dictionary),
        options_(options),
        execution_(execution),
        out_(out),
        ridge_(options.ridge),
        max_rounds_(options.max_iterations ? options.max_iterations : kDefaultRounds),
        smallest_weight_(
            options.weights.empty() ? 1 : *std::min_element(options.weights.begin(), options.weights.end())),
        samples_(batch.count()),
        active_(batch.count(), kBlock, execution),
        residual_stride_(batch.samples().stride),
        residuals_(batch.count() * batch.samples().stride),
        scorer_(dictionary.rows(execution.device), options.weights, options.nonnegative,
                scoring::Ladder::useful) {}

  /// `done`: samples that are left alone, or null.
  Status run(const SparseCodes* warm, std::size_t first, const std::vector<std::uint8_t>* done);

 private:
  void start(Sample& sample, const SparseCodes* warm, std::size_t first);
  void score();
  void advance(std::size_t position);
  double certify(Sample& sample, std::size_t position, Workspace& scratch);
  bool undecided(const Sample& sample, std::size_t position) const;
  void choose(Sample& sample, Workspace& scratch);
  void solve(Sample& sample, Workspace& scratch);
  void evaluate(Sample& sample, Workspace& scratch);
  void remember(Sample& sample) const;
  double objective(const Sample& sample) const {
    return sample.at.objective(batch_.lambda(sample.slot), ridge_);
  }
  void finish(Sample& sample, double gap, Outcome outcome);

  float* residual(const Sample& sample) const { return residuals_.data() + sample.slot * residual_stride_; }
  double weight(std::uint32_t j) const { return scorer_.weight(j); }
  const ScaledBatch& batch_;
  const Dictionary& dictionary_;
  const Lasso& options_;
  const Execution& execution_;
  std::vector<SampleResult>& out_;
  const double ridge_;
  const std::uint32_t max_rounds_;
  const double smallest_weight_;

  KeptSamples<Sample> samples_;
  ActiveSamples active_;  // those not yet certified
  const std::size_t residual_stride_;
  AlignedBuffer<float> residuals_;
  scoring::Scorer scorer_;
  std::vector<scoring::Request> requests_;
};

/// Atoms taken at a time. Passes in low precision cost little beside the Gram matrix of a large working set, so the
/// sets start small: the first pass meets the zero code, where far more atoms exceed λ than will be active.
std::size_t first_choice(std::size_t dims) { return std::clamp<std::size_t>(dims / 32, 8, 64); }
/// Later violators have met a solution already, and more of them will be active.
std::size_t later_choice(std::size_t dims, std::size_t size) {
  return std::max(first_choice(dims) * 3 / 4, size / 2);
}

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

/// Scores all atoms against the residuals of the active samples, down to where a score might still
/// belong to a violator.
void LassoBatch::score() {
  const StageTimer timer(options_.profile.get(), Stage::score);
  requests_.resize(active_.size());
  std::size_t largest = 0;
  bool fresh = true;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const Sample& sample = samples_[active_[i]];
    // The first choice needs no proof.
    requests_[i] = {.row = sample.slot,
                    .norm = std::sqrt(sample.at.squared_rounded),
                    .threshold = batch_.lambda(sample.slot),
                    .rung = sample.rung,
                    .rough = sample.solves == 0 && sample.rung == 0};
    largest = std::max(largest, sample.set.size());
    fresh = fresh && sample.solves == 0;
  }
  const std::size_t dims = dictionary_.dims();
  // A working set's own atoms are listed too.
  const std::size_t capacity = largest + (fresh ? first_choice(dims) : later_choice(dims, largest));
  const ConstMatrix32 residuals{residuals_.data(), batch_.count(), dims, residual_stride_};
  scorer_.score(residuals, requests_, capacity, execution_);
}

/// The relative gap at the current code; leaves the violators outside the working set in scratch, strongest
/// first. Where the violators alone show that the sample is not finished, the answer is a lower bound of
/// the gap, and the exact correlations that a certificate takes are spared.
double LassoBatch::certify(Sample& sample, std::size_t position, Workspace& scratch) {
  const double lambda = batch_.lambda(sample.slot);
  const float* r = residual(sample);
  const scoring::Scored& scored = scorer_[position];
  const auto& dots = dots::table();
  double strongest = 0;
  {
    const StageTimer timer(options_.profile.get(), Stage::certify);
    scratch.violators.clear();
    scratch.doubtful.clear();
    scratch.violators.reserve(scored.count);  // nothing may throw while marks are set
    scratch.doubtful.reserve(scored.count);
    for (std::uint32_t j : sample.set.atoms()) scratch.marks[j] = 1;
    for (std::size_t k = 0; k < scored.count; ++k) {
      const product::Entry& entry = scored.entries[k];
      if (scratch.marks[entry.index]) continue;
      (scorer_.strength(entry) > lambda + scored.error ? scratch.violators : scratch.doubtful)
          .push_back(entry);
    }
    for (std::uint32_t j : sample.set.atoms()) scratch.marks[j] = 0;
    if (!scratch.violators.empty() && sample.solves < max_rounds_) {
      const double least = scorer_.strength(scratch.violators.front()) - scored.error;
      const double gap = relative_gap(sample.at, lambda, ridge_, least);
      if (gap > options_.tolerance) {
        // What probably violates too comes along.
        for (const product::Entry& entry : scratch.doubtful)
          if (scorer_.strength(entry) > lambda) scratch.violators.push_back(entry);
        return gap;
      }
    }
    strongest = std::max(sample.strongest, lambda);  // what is not listed may be as strong as that
  }
  const StageTimer timer(options_.profile.get(), Stage::rescore);
  const auto exact_strength = [&](const product::Entry& entry) {
    return scorer_.strength(dots.dot(dictionary_.atom(entry.index), r, dictionary_.dims()),
                            weight(entry.index));
  };
  for (const product::Entry& entry : scratch.violators) {
    if (scorer_.strength(entry) + scored.error <= strongest) break;
    strongest = std::max(strongest, exact_strength(entry));
  }
  // Too close to λ to call.
  for (const product::Entry& entry : scratch.doubtful) {
    const double exact = exact_strength(entry);
    strongest = std::max(strongest, exact);
    if (exact > lambda) scratch.violators.push_back(entry);
  }
  sample.open_gap = relative_gap(sample.at, lambda, ridge_, strongest);
  // What was not listed is below the weakest of a full list, or below the floor.
  if (scored.full || scored.unlisted > lambda) strongest = std::max(strongest, scored.unlisted);
  return relative_gap(sample.at, lambda, ridge_, strongest);
}

/// Did the scoring leave open whether atoms that it did not list violate?
bool LassoBatch::undecided(const Sample& sample, std::size_t position) const {
  const scoring::Scored& scored = scorer_[position];
  return scored.full || scored.unlisted > batch_.lambda(sample.slot);
}

/// Takes the strongest violators into the working set, with their exact correlations.
void LassoBatch::choose(Sample& sample, Workspace& scratch) {
  const StageTimer timer(options_.profile.get(), Stage::rescore);
  const std::size_t dims = dictionary_.dims(), old = sample.set.size();
  const std::size_t most = sample.solves == 0 ? first_choice(dims) : later_choice(dims, old);
  const std::size_t count = std::min(most, scratch.violators.size());
  const double lambda = batch_.lambda(sample.slot);
  // With room for the second choice, which most samples make: growing copies the Gram matrix.
  sample.set.reserve(old == 0 ? count + later_choice(dims, count) : old + count);
  for (std::size_t k = 0; k < count; ++k) {
    const std::uint32_t j = scratch.violators[k].index;
    sample.set.add(dictionary_, j, static_cast<float>(lambda * weight(j)));
  }
  sample.set.correlate_new(old, residual(sample), dims, scratch.doubles);
}

void LassoBatch::solve(Sample& sample, Workspace& scratch) {
  {
    const StageTimer timer(options_.profile.get(), Stage::gram);
    sample.set.complete_gram(dictionary_, ridge_);
  }
  const StageTimer timer(options_.profile.get(), Stage::solve);
  const descent::Problem problem = sample.set.problem(ridge_, options_.nonnegative);
  const auto& descent = descent::table();
  scratch.newton.reserve(descent::newton_scratch(problem.count));
  const float largest = reduce::table().max_absolute(problem.correlation, problem.count);
  for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
    cancellation::point();
    // A KKT violation of η costs about η·Σ|a|/w_min in the gap, and ½(η/(λw_min))²‖r‖² by shrinking the dual point,
    // which is what counts where most of x stays unexplained; below 2⁻²² of the largest correlation float32
    // cannot tell it from rounding.
    double l1 = 0;
    for (std::size_t k = 0; k < problem.count; ++k) l1 += std::fabs(problem.code[k]);
    const double affordable = kInnerShare * options_.tolerance * 0.5 * sample.at.squared_input;
    const double shrunk = batch_.lambda(sample.slot) * std::sqrt(2 * affordable / sample.at.squared_residual);
    const double violation = l1 > 0 ? smallest_weight_ * std::min(affordable / l1, shrunk) : 0;
    const float accuracy = static_cast<float>(std::max(violation, largest * 0x1.0p-22));
    if (descent.sweep(problem, accuracy, attempt < kFirstAttempts ? kFirstSweeps : kSweeps)) break;
    if (!descent.newton(problem, scratch.newton.data())) {
      descent.sweep(problem, accuracy, kPatientSweeps);
      break;
    }
  }
  sample.set.release_large_gram();
  ++sample.solves;
}

/// The residual and the float64 sums of the current code.
void LassoBatch::evaluate(Sample& sample, Workspace& scratch) {
  const StageTimer timer(options_.profile.get(), Stage::residual);
  scratch.support.clear();
  scratch.support_values.clear();
  sample.at.weighted_l1 = sample.at.squared_code = 0;
  for (std::size_t k = 0; k < sample.set.size(); ++k) {
    const float a = sample.set.code()[k];
    if (a == 0) continue;
    scratch.support.push_back(sample.set.atoms()[k]);
    scratch.support_values.push_back(a);
    sample.at.weighted_l1 += weight(sample.set.atoms()[k]) * std::fabs(static_cast<double>(a));
    sample.at.squared_code += static_cast<double>(a) * a;
  }
  const ConstMatrix32 samples = batch_.samples(), atoms = dictionary_.atoms();
  sample.at.squared_input = batch_.squared_norm(sample.slot);
  sample.at.squared_residual = sparse_rows::table().residual(
      samples.row(sample.slot), scratch.support.data(), scratch.support_values.data(), scratch.support.size(),
      atoms.data, atoms.stride, dictionary_.dims(), residual(sample));
  sample.at.squared_rounded = reduce::table().squared_norm(residual(sample), dictionary_.dims());
  sample.at.input_residual =
      dots::table().dot(samples.row(sample.slot), residual(sample), dictionary_.dims());
  // While their rows are still in the cache.
  const std::size_t n = sample.set.size();
  scratch.doubles.resize(n);
  dots::table().correlate(sample.set.rows(), n, residual(sample), dictionary_.dims(), scratch.doubles.data());
  sample.strongest = 0;
  for (std::size_t k = 0; k < n; ++k) {
    sample.set.correlation()[k] = static_cast<float>(scratch.doubles[k]);
    sample.strongest = std::max(
        sample.strongest,
        scorer_.strength(scratch.doubles[k] - ridge_ * sample.set.code()[k], weight(sample.set.atoms()[k])));
  }
}

void read_code(const WorkingSet& set, std::vector<std::pair<std::uint32_t, float>>& codes) {
  codes.clear();
  codes.reserve(set.size());
  for (std::size_t k = 0; k < set.size(); ++k)
    if (set.code()[k] != 0) codes.emplace_back(set.atoms()[k], set.code()[k]);
}

/// Keeps the code if it is the best one so far: in float32 the next one may be worse.
void LassoBatch::remember(Sample& sample) const {
  if (!(objective(sample) < sample.best_objective)) return;
  read_code(sample.set, sample.best);
  sample.best_at = sample.at;
  sample.best_objective = objective(sample);
}

void LassoBatch::finish(Sample& sample, double gap, Outcome outcome) {
  std::vector<std::pair<std::uint32_t, float>>& codes = lasso_workspace(dictionary_.features()).codes;
  read_code(sample.set, codes);
  if (outcome != Outcome::converged && sample.best_objective < objective(sample)) {
    gap -= (objective(sample) - sample.best_objective) / (0.5 * sample.at.squared_input);
    codes = sample.best;
    sample.at = sample.best_at;
  }
  std::sort(codes.begin(), codes.end());
  SampleResult& result = out_[sample.slot];
  result.gap = gap;
  result.outcome = outcome;
  result.iterations = sample.solves;
  batch_.finish(sample.slot, codes, objective(sample), sample.at.squared_residual, result);
  sample.done = true;
  sample.set.clear();
}

void LassoBatch::advance(std::size_t position) {
  Sample& sample = samples_[active_[position]];
  Workspace& scratch = lasso_workspace(dictionary_.features());
  sample.rung = requests_[position].rung;
  const double gap = certify(sample, position, scratch);
  if (gap <= options_.tolerance) return finish(sample, gap, Outcome::converged);
  if (scratch.violators.empty() && sample.rung + 1u < scorer_.rungs() && undecided(sample, position)) {
    ++sample.rung;  // nothing to add, but too coarse a look to certify: look closer
    return;
  }
  // Only the bound of what scores may be wrong by stands in the way: more rounds would not change that (review.hpp decides).
  if (scratch.violators.empty() && undecided(sample, position) && sample.open_gap <= options_.tolerance)
    return finish(sample, gap, Outcome::stalled);
  if (scratch.violators.empty()) {  // the gap is exact then
    sample.rounds_without_progress = gap > 0.5 * sample.best_gap ? sample.rounds_without_progress + 1 : 0;
    if (sample.rounds_without_progress == kStallRounds) return finish(sample, gap, Outcome::stalled);
    sample.best_gap = std::min(sample.best_gap, gap);
  } else {
    sample.rounds_without_progress = 0;
  }
  if (sample.solves == max_rounds_) return finish(sample, gap, Outcome::iterations);
  remember(sample);
  choose(sample, scratch);
  solve(sample, scratch);
  evaluate(sample, scratch);
}

Status LassoBatch::run(const SparseCodes* warm, std::size_t first, const std::vector<std::uint8_t>* done) {
  if (done) active_.skip([&](std::uint32_t i) { return (*done)[i] != 0; });
  active_.for_each([&](std::uint32_t i, std::size_t) {
    samples_[i].reset();
    samples_[i].slot = i;
    start(samples_[i], warm, first);
  });
  while (!active_.empty()) {
    if (execution_.cancelled()) return Status::cancelled();
    score();
    if (execution_.cancelled()) return Status::cancelled();
    active_.for_each([&](std::uint32_t, std::size_t position) { advance(position); });
    if (execution_.cancelled()) return Status::cancelled();
    active_.drop([&](std::uint32_t i) { return samples_[i].done; });
  }
  return {};
}

}  // namespace

Status Lasso::solve(const ScaledBatch& batch, const Dictionary& dictionary, const Execution& execution,
                    const SparseCodes* warm, std::size_t first, const std::vector<std::uint8_t>* done,
                    std::vector<SampleResult>& out) const {
  return LassoBatch(batch, dictionary, *this, execution, out).run(warm, first, done);
}

Status Lasso::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  Status status = check_penalty(*this, samples, dictionary, true);
  if (status.ok()) status = check_atoms(dictionary, float64 || wide);
  return status.ok() ? check_warm_start(warm_start.get(), samples.rows, dictionary) : status;
}

BatchSolver Lasso::start(const Dictionary& dictionary, std::size_t samples,
                         const Execution& execution) const {
  if (float64 || wide || least_squares()) return start_float64(dictionary, samples, execution);
  return [&, this](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    if (execution.device && on_device(dictionary)) return solve_on_device(batch, dictionary, execution, out);
    return solve(batch, dictionary, execution, warm_start.get(), first, nullptr, out);
  };
}

}  // namespace unsuperpose
