// Orthogonal matching pursuit: the atom most correlated with the residual joins the support, the code is the least
// squares solution on it, again. Nonnegative: arg-max without the absolute value, and nonnegative least squares on
// the support (Lawson & Hanson 1974, ch. 23).
//
// All atoms are scored against the batch in one product. From there a sample goes on alone, as in Batch-OMP (Rubinstein,
// Zibulevsky & Elad 2008): the correlations are brought up to date with Gram rows, as far as it takes to
// tell all but a few atoms from the strongest (lazy_correlations.hpp), and exact correlations of those few decide. Where
// that leaves too many open, or without a Gram matrix, the sample waits for the next product, of its residual.
#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/exact.hpp"
#include "active_samples.hpp"
#include "batch.hpp"
#include "lazy_correlations.hpp"
#include "least_squares.hpp"
#include "omp.hpp"

namespace unsuperpose {

namespace {

/// Updating a correlation by a Gram row costs about this many of the packed product's multiplications.
constexpr double kUpdateCost = 8;
/// A residual correlation below this share of ‖d_j‖‖x‖ is rounding: the sample is represented exactly.
constexpr double kRelativeFloor = 1e-6;
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
constexpr std::size_t kKeptBytes = 2 * kCorrelationBytes;
constexpr std::size_t kSamplesAtOnce = 16;
/// Room made for a support at once.
constexpr std::size_t kUsualSupport = 64;
/// What float64 rounding can do to a residual, relative to the sizes of its parts (dims and coefficients below 2²⁰).
constexpr double kDoubleRounding = 0x1.0p-32;
/// For a bound's own rounding.
constexpr double kSlack = 1e-6;
/// Scores whose error comes to this share of ‖d_j‖‖x‖ tell nothing.
constexpr double kUsefulError = 0.25;

struct Sample {
  std::vector<std::uint32_t> support;
  std::vector<const float*> atoms;
  LeastSquares fit;
  std::uint32_t choices = 0;
  Outcome outcome = Outcome::converged;
  bool done = false;
  bool exact = false;  // scores in low precision leave too much open
};

/// What a thread works with on one sample after the other.
struct Scratch {
  Scratch(const CompressedGram* gram, const Dictionary& dictionary, bool nonnegative)
      : correlations(gram, dictionary.features(), nonnegative), residual(dictionary.dims()) {}
  LazyCorrelations correlations;
  AlignedBuffer<float> residual;
  std::vector<float> factors, values;
  std::vector<const float*> rows;
  std::vector<std::uint32_t> open;
  std::vector<double> products;
};

struct Choice {
  std::size_t atom;  // features if nothing is left to choose
  double strength;
};

class PursuitBatch {
 public:
  PursuitBatch(const ScaledBatch& batch, const Dictionary& dictionary, const CompressedGram* gram,
               const OrthogonalMatchingPursuit& options, std::size_t first, const Execution& execution,
               std::vector<SampleResult>& out)
      : batch_(batch),
        dictionary_(dictionary),
        gram_(gram),
        options_(options),
        first_(first),
        execution_(execution),
        out_(out),
        scorer_(dictionary.rows(), no_weights_, options.nonnegative, scoring::Ladder::every),
        rough_rung_(scorer_.tells(0, kUsefulError) ? 0 : scorer_.last_rung()),
        samples_(batch.count()),
        norms_(batch.count()),
        errors_(batch.count()) {}

  Status run();

 private:
  void score(std::span<const std::uint32_t> samples, bool exact, float* correlations);
  std::size_t sparsity(std::size_t i) const { return options_.most_atoms(first_ + i, dictionary_); }
  double energy(std::size_t i) const { return batch_.squared_norm(i) - samples_[i].fit.explained(); }
  bool wants_more(std::size_t i) const;
  void pursue(std::size_t i, float* correlations, Scratch& scratch);
  Choice strongest(std::size_t i, std::span<const std::uint32_t> atoms, Scratch& scratch) const;
  Choice strongest_exactly(std::size_t i, Scratch& scratch) const;
  bool take(std::size_t i, const Choice& choice, Scratch& scratch);
  double residual(std::size_t i, float* out) const;
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
  std::vector<scoring::Request> requests_;
  std::vector<Sample> samples_;
  AlignedBuffer<float> residuals_;
  std::vector<double> norms_, errors_;  // of the residuals that were scored, and of the scores
};

/// Is the stopping rule still unmet?
bool PursuitBatch::wants_more(std::size_t i) const {
  const Sample& sample = samples_[i];
  if (sample.done || sample.support.size() >= sparsity(i)) return false;
  const double bound = batch_.to_scaled(i, options_.residual);
  return energy(i) > bound * bound;
}

/// Adds the strongest atom to the support and solves again; ends the sample if that gains nothing. Answers whether the
/// support is what it was and the new atom at its end.
bool PursuitBatch::take(std::size_t i, const Choice& choice, Scratch& scratch) {
  Sample& sample = samples_[i];
  const double floor = choice.atom < dictionary_.features() ? kRelativeFloor * dictionary_.norm(choice.atom) *
                                                                  std::sqrt(batch_.squared_norm(i))
                                                            : 0;
  if (choice.atom >= dictionary_.features() || !(choice.strength > floor)) {
    // Nothing correlates with what is left. That is an exact representation, unless a residual was asked for.
    sample.done = true;
    if (options_.residual > 0) sample.outcome = Outcome::stalled;
    return false;
  }
  if (gram_) gram_->prefetch(choice.atom);
  const float* atom = dictionary_.atom(choice.atom);
  const std::size_t n = sample.support.size();
  ++sample.choices;
  scratch.products.resize(n + 1);
  sample.atoms.push_back(atom);
  dots::table().correlate(sample.atoms.data(), n + 1, atom, dictionary_.dims(), scratch.products.data());
  const double target = dots::table().dot(atom, batch_.samples().row(i), dictionary_.dims());
  if (!sample.fit.append(scratch.products.data(), target)) {
    sample.atoms.pop_back();
    sample.done = true;
    sample.outcome = Outcome::stalled;  // the strongest atom depends on the chosen ones
    return false;
  }
  sample.support.push_back(static_cast<std::uint32_t>(choice.atom));
  if (!options_.nonnegative) return true;
  const std::vector<std::size_t> dropped = sample.fit.make_nonnegative();
  for (std::size_t position : dropped) {
    sample.support.erase(sample.support.begin() + static_cast<std::ptrdiff_t>(position));
    sample.atoms.erase(sample.atoms.begin() + static_cast<std::ptrdiff_t>(position));
  }
  if (sample.choices >= kChoicesPerAtom * sparsity(i) && wants_more(i)) {
    sample.done = true;
    sample.outcome = Outcome::iterations;
  }
  return dropped.empty();
}

/// x − aD for the float32 code of sample i into `out`; returns its squared norm.
double PursuitBatch::residual(std::size_t i, float* out) const {
  const Sample& sample = samples_[i];
  const std::vector<float> values(sample.fit.solution().begin(), sample.fit.solution().end());
  const ConstMatrix32 atoms = dictionary_.atoms();
  return sparse_rows::table().residual(batch_.samples().row(i), sample.support.data(), values.data(),
                                       values.size(), atoms.data, atoms.stride, dictionary_.dims(), out);
}

/// The strongest of a few atoms: by float32 correlations with a float32 residual, and where their rounding leaves it
/// open, by float64.
Choice PursuitBatch::strongest(std::size_t i, std::span<const std::uint32_t> atoms, Scratch& scratch) const {
  const Sample& sample = samples_[i];
  const std::vector<double>& solution = sample.fit.solution();
  const std::size_t dims = dictionary_.dims(), n = solution.size();
  if (atoms.empty()) return {dictionary_.features(), 0};

  double parts = std::sqrt(batch_.squared_norm(i));
  for (std::size_t k = 0; k < n; ++k) parts += std::fabs(solution[k]) * dictionary_.norm(sample.support[k]);
  scratch.factors.assign(solution.begin(), solution.end());
  sparse_rows::table().residual32(batch_.samples().row(i), sample.atoms.data(), scratch.factors.data(), n,
                                  dims, scratch.residual.data());
  scratch.rows.clear();
  for (std::uint32_t j : atoms) scratch.rows.push_back(dictionary_.atom(j));
  scratch.values.resize(atoms.size());
  dots::table().correlate32(scratch.rows.data(), atoms.size(), scratch.residual.data(), dims,
                            scratch.values.data());

  // The residual is a chain of n steps with factors that were rounded too; scalar steps round twice.
  const double changed = (product::error_bound(2 * n) + 0x1.0p-24) * parts;
  const double norm = std::sqrt(std::max(energy(i), 0.0)) + changed + kDoubleRounding * parts;
  const double share = product::error_bound(dims) * norm + changed;
  const double underflow = static_cast<double>(dims) * 0x1.0p-149;
  const auto strength = [&](std::size_t p) {
    const double value = static_cast<double>(scratch.values[p]);
    return options_.nonnegative ? value : std::fabs(value);
  };
  const auto error = [&](std::size_t p) { return share * dictionary_.norm(atoms[p]) + underflow; };
  double certain = -std::numeric_limits<double>::infinity();
  for (std::size_t p = 0; p < atoms.size(); ++p) certain = std::max(certain, strength(p) - error(p));
  scratch.open.clear();
  Choice choice{dictionary_.features(), 0};
  for (std::size_t p = 0; p < atoms.size(); ++p) {
    if (!(strength(p) + error(p) >= certain)) continue;
    scratch.open.push_back(atoms[p]);
    choice = {atoms[p], strength(p)};
  }
  return scratch.open.size() > 1 ? strongest_exactly(i, scratch) : choice;
}

/// The strongest of scratch.open in float64, the lowest index among equals.
Choice PursuitBatch::strongest_exactly(std::size_t i, Scratch& scratch) const {
  const Sample& sample = samples_[i];
  const std::size_t dims = dictionary_.dims();
  std::vector<double> residual(batch_.samples().row(i), batch_.samples().row(i) + dims);
  for (std::size_t k = 0; k < sample.atoms.size(); ++k)
    for (std::size_t d = 0; d < dims; ++d)
      residual[d] -= sample.fit.solution()[k] * static_cast<double>(sample.atoms[k][d]);
  // Two floats hold 48 bits of it.
  std::vector<float> high(residual.begin(), residual.end()), low(dims);
  for (std::size_t d = 0; d < dims; ++d)
    low[d] = static_cast<float>(residual[d] - static_cast<double>(high[d]));
  Choice choice{dictionary_.features(), 0};
  for (std::uint32_t j : scratch.open) {
    const float* atom = dictionary_.atom(j);
    const double value = scoring::split_product(atom, high.data(), low.data(), dims);
    const double strength = options_.nonnegative ? value : std::fabs(value);
    if (strength > choice.strength) choice = {j, strength};
  }
  return choice;
}

/// Goes on with sample i from its scores until it is finished or needs the next product.
void PursuitBatch::pursue(std::size_t i, float* correlations, Scratch& scratch) {
  Sample& sample = samples_[i];
  LazyCorrelations& lazy = scratch.correlations;
  if (sample.support.empty()) {
    const std::size_t size = std::min(sparsity(i), kUsualSupport);
    sample.support.reserve(size);
    sample.atoms.reserve(size);
    sample.fit.reserve(size);
  }
  const std::size_t most_open = std::max(kFewOpen, dictionary_.features() / kOpenShare);
  lazy.start(correlations, errors_[i], norms_[i] * dictionary_.max_norm(), sample.support,
             sample.fit.solution());
  // Exact scores cannot be had any better: the first choice from them is made whatever it takes.
  bool certain = sample.exact || rough_rung_ == scorer_.last_rung();
  bool fresh = true;
  while (!execution_.cancelled()) {
    std::span<const std::uint32_t> open;
    for (;;) {
      const std::size_t most = certain ? dictionary_.features() : lazy.waits() ? kFewOpen : most_open;
      if ((certain || lazy.tells()) && lazy.strong(most, open)) break;
      if (!lazy.waits()) {
        if (fresh) sample.exact = true;
        return;
      }
      lazy.refresh();
    }
    certain = fresh = false;
    if (!take(i, strongest(i, open, scratch), scratch) || !gram_ || !wants_more(i)) return;
    lazy.add(sample.support, sample.fit.solution());
  }
}

void PursuitBatch::finish(std::size_t i, Scratch& scratch) {
  const Sample& sample = samples_[i];
  const double squared = residual(i, scratch.residual.data());
  std::vector<std::pair<std::uint32_t, float>> codes;
  for (std::size_t k = 0; k < sample.support.size(); ++k)
    codes.emplace_back(sample.support[k], static_cast<float>(sample.fit.solution()[k]));
  std::sort(codes.begin(), codes.end());
  SampleResult& result = out_[i];
  result.gap = std::numeric_limits<double>::quiet_NaN();
  result.iterations = sample.choices;
  result.outcome = sample.outcome;
  // With a residual asked for, running out of atoms first is not success.
  if (result.outcome == Outcome::converged && options_.residual > 0 && options_.sparsity.empty() &&
      std::sqrt(squared) > batch_.to_scaled(i, options_.residual) * (1 + 1e-6))
    result.outcome = Outcome::iterations;
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
    norms_[i] = (1 + kSlack) * std::sqrt(residual(i, to));
    double parts = 0;
    for (std::size_t k = 0; k < samples_[i].support.size(); ++k)
      parts += std::fabs(samples_[i].fit.solution()[k]) * dictionary_.norm(samples_[i].support[k]);
    // Coefficients and residual are rounded to float32.
    errors_[i] = 0x1.0p-24 * (parts + norms_[i]) * dictionary_.max_norm();
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

Status PursuitBatch::run() {
  const std::size_t features = dictionary_.features(), padded = CompressedGram::stride(features);
  const std::size_t at_once = std::max(kFewestScored, kCorrelationBytes / (padded * sizeof(float)));
  // Kept between batches, unless it is large: fresh pages would cost more than the updates.
  static thread_local AlignedBuffer<float> kept;
  const std::size_t size = std::min(at_once, batch_.count()) * padded;
  AlignedBuffer<float> large(size * sizeof(float) > kKeptBytes ? size : 0);
  if (large.size() == 0) kept.reserve(size);
  float* const correlations = large.size() > 0 ? large.data() : kept.data();
  ActiveSamples active(batch_.count(), kSamplesAtOnce, execution_);
  for (;;) {
    active.drop([&](std::uint32_t i) { return !wants_more(i); });
    if (active.empty()) break;
    const std::size_t rough = active.partition([&](std::uint32_t i) { return !samples_[i].exact; });
    for (std::size_t first = 0, end; first < active.size(); first = end) {
      end = std::min(first + at_once, first < rough ? rough : active.size());
      const std::span<const std::uint32_t> samples = active.samples().subspan(first, end - first);
      score(samples, first >= rough, correlations);
      if (execution_.cancelled()) return Status::cancelled();
      execution_.for_items(
          samples.size(), kSamplesAtOnce, [&] { return Scratch(gram_, dictionary_, options_.nonnegative); },
          [&](std::size_t p, Scratch& scratch) { pursue(samples[p], correlations + p * padded, scratch); });
      if (execution_.cancelled()) return Status::cancelled();
    }
  }
  execution_.for_items(
      batch_.count(), kSamplesAtOnce, [&] { return Scratch(nullptr, dictionary_, options_.nonnegative); },
      [&](std::size_t i, Scratch& scratch) { finish(i, scratch); });
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

/// Does making the Gram matrix, and reading its rows, cost less than scoring every residual?
bool gram_pays(std::size_t samples, double atoms, const Dictionary& dictionary) {
  const double features = static_cast<double>(dictionary.features()),
               dims = static_cast<double>(dictionary.dims());
  const double n = static_cast<double>(samples),
               making = dictionary.has_compressed_gram() ? 0 : features * dims;
  return making + n * (dims + kUpdateCost * atoms) < n * atoms * dims;
}

}  // namespace

Status OrthogonalMatchingPursuit::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  return check_greedy(samples, dictionary);
}

BatchSolver OrthogonalMatchingPursuit::start(const Dictionary& dictionary, std::size_t samples,
                                             const Execution& execution) const {
  double atoms = static_cast<double>(std::min(dictionary.dims(), dictionary.features()));
  if (!sparsity.empty()) {
    atoms = 0;
    for (std::uint32_t k : sparsity) atoms += static_cast<double>(k);
    atoms /= static_cast<double>(sparsity.size());
  }
  return
      [&, this, samples, atoms](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
        const CompressedGram* gram = nullptr;
        if (dictionary.compressed_gram_fits(gram_budget) && gram_pays(samples, atoms, dictionary)) {
          gram = dictionary.compressed_gram(gram_budget, execution);
          if (!gram) return Status::cancelled();
        }
        return PursuitBatch(batch, dictionary, gram, *this, first, execution, out).run();
      };
}

}  // namespace unsuperpose
