// Orthogonal matching pursuit: the atom most correlated with the residual joins the support, the code is the least
// squares solution on it, again. Two ways to the correlations, with the same choices up to rounding:
//  - Batch-OMP (Rubinstein, Zibulevsky & Elad 2008): α = α⁰ − Σ γ_i G_i with the dictionary's Gram matrix, when
//    it fits in memory and pays for the number of samples;
//  - scoring the residuals again for the whole batch (the selecting product) otherwise.
// Nonnegative: arg-max without the absolute value, and nonnegative least squares on the support
// (Lawson & Hanson 1974, ch. 23).
#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../kernels/pursuit/pursuit.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "batch.hpp"
#include "least_squares.hpp"

namespace unsuperpose {

namespace {

/// Reading a Gram row from L2 or L3 costs about four times the same multiplications in the packed product.
constexpr double kGramReadCost = 4;
/// A residual correlation below this share of ‖d_j‖‖x‖ is rounding: the sample is represented exactly.
constexpr double kRelativeFloor = 1e-6;
/// Nonnegative pursuits can drop atoms again; this many choices a wanted atom end one that cycles.
constexpr std::size_t kChoicesPerAtom = 3;

struct Sample {
  std::vector<std::uint32_t> support;
  std::vector<const float*> atoms;
  LeastSquares fit;
  std::uint32_t choices = 0;
  Outcome outcome = Outcome::converged;
  bool done = false;
};

class PursuitBatch {
 public:
  PursuitBatch(const ScaledBatch& batch, const Dictionary& dictionary, const UnfoldOptions& options, std::size_t first,
               const Execution& execution, std::vector<SampleResult>& out)
      : batch_(batch), dictionary_(dictionary), options_(options), first_(first), execution_(execution), out_(out),
        samples_(batch.count()) {}

  Status with_gram();
  Status with_rescoring();

 private:
  std::size_t sparsity(std::size_t i) const {
    const std::size_t most = std::min(dictionary_.dims(), dictionary_.features());
    if (options_.sparsity.empty()) return most;
    return std::min<std::size_t>(most, options_.sparsity[options_.sparsity.size() == 1 ? 0 : first_ + i]);
  }
  bool wants_more(std::size_t i);
  void take(std::size_t i, std::size_t atom, float correlation);
  double residual(std::size_t i, float* out);
  void finish(std::size_t i);

  const ScaledBatch& batch_;
  const Dictionary& dictionary_;
  const UnfoldOptions& options_;
  const std::size_t first_;
  const Execution& execution_;
  std::vector<SampleResult>& out_;
  std::vector<Sample> samples_;
};

/// Is the stopping rule still unmet?
bool PursuitBatch::wants_more(std::size_t i) {
  const Sample& sample = samples_[i];
  if (sample.done || sample.support.size() >= sparsity(i)) return false;
  const double energy = batch_.squared_norm(i) - sample.fit.explained();
  const double bound = batch_.to_scaled(i, options_.residual);
  return energy > bound * bound;
}

/// Adds `atom`, the strongest, to the support and solves again; ends the sample if that gains nothing.
void PursuitBatch::take(std::size_t i, std::size_t atom, float correlation) {
  Sample& sample = samples_[i];
  const double floor = atom < dictionary_.features()
                           ? kRelativeFloor * dictionary_.norm(atom) * std::sqrt(batch_.squared_norm(i))
                           : 0;
  const auto index = static_cast<std::uint32_t>(atom);
  if (atom >= dictionary_.features() || !(std::fabs(correlation) > floor) ||
      std::find(sample.support.begin(), sample.support.end(), index) != sample.support.end()) {
    // Nothing correlates with what is left. That is an exact representation, unless a residual was asked for.
    sample.done = true;
    if (options_.residual > 0) sample.outcome = Outcome::stalled;
    return;
  }
  const std::size_t n = sample.support.size();
  ++sample.choices;
  std::vector<double> products(n + 1);
  sample.atoms.push_back(dictionary_.atom(atom));
  dots::table().correlate(sample.atoms.data(), n + 1, dictionary_.atom(atom), dictionary_.dims(), products.data());
  const double target = dots::table().dot(dictionary_.atom(atom), batch_.samples().row(i), dictionary_.dims());
  if (!sample.fit.append(products.data(), target)) {
    sample.atoms.pop_back();
    sample.done = true;
    sample.outcome = Outcome::stalled;  // the strongest atom depends on the chosen ones
    return;
  }
  sample.support.push_back(index);
  if (!options_.nonnegative) return;
  for (std::size_t dropped : sample.fit.make_nonnegative()) {
    sample.support.erase(sample.support.begin() + static_cast<std::ptrdiff_t>(dropped));
    sample.atoms.erase(sample.atoms.begin() + static_cast<std::ptrdiff_t>(dropped));
  }
  if (sample.choices >= kChoicesPerAtom * sparsity(i) && wants_more(i)) {
    sample.done = true;
    sample.outcome = Outcome::iterations;
  }
}

/// x − aD for the float32 code of sample i into `out`; returns its squared norm.
double PursuitBatch::residual(std::size_t i, float* out) {
  const Sample& sample = samples_[i];
  const std::vector<float> values(sample.fit.solution().begin(), sample.fit.solution().end());
  const ConstMatrix32 atoms = dictionary_.atoms();
  return sparse_rows::table().residual(batch_.samples().row(i), sample.support.data(), values.data(), values.size(), atoms.data,
                                       atoms.stride, dictionary_.dims(), out);
}

void PursuitBatch::finish(std::size_t i) {
  const Sample& sample = samples_[i];
  std::vector<float> r(dictionary_.dims());
  const double squared = residual(i, r.data());
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

Status PursuitBatch::with_gram() {
  const std::size_t features = dictionary_.features(), stride = dictionary_.gram_stride();
  static_assert(kCacheLine / sizeof(float) == pursuit::kPadding);
  const float* gram = dictionary_.gram(execution_);
  if (!gram) return Status::cancelled();
  AlignedBuffer<float> initial(batch_.count() * stride);
  product::store(batch_.samples(), dictionary_.packed(), {initial.data(), batch_.count(), features, stride}, execution_);
  if (execution_.cancelled()) return Status::cancelled();
  for (std::size_t i = 0; i < batch_.count(); ++i)
    std::fill(initial.data() + i * stride + features, initial.data() + (i + 1) * stride, 0.0f);

  execution_.for_each(batch_.count(), [&](std::size_t i) {
    std::vector<const float*> rows;
    std::vector<float> factors;
    while (wants_more(i) && !execution_.cancelled()) {
      Sample& sample = samples_[i];
      rows.clear();
      for (std::uint32_t j : sample.support) rows.push_back(gram + j * stride);
      factors.assign(sample.fit.solution().begin(), sample.fit.solution().end());
      const pursuit::Strongest strongest = pursuit::table().residual_argmax(
          initial.data() + i * stride, rows.data(), factors.data(), rows.size(), features, options_.nonnegative);
      take(i, strongest.index, strongest.value);
    }
    finish(i);
    execution_.advance(1);
  });
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

Status PursuitBatch::with_rescoring() {
  const std::size_t stride = batch_.samples().stride;
  AlignedBuffer<float> residuals(batch_.count() * stride);
  product::SelectOptions strongest;
  strongest.positive_only = options_.nonnegative;
  product::Selection scores;
  std::vector<std::uint32_t> active(batch_.count());
  for (std::size_t i = 0; i < active.size(); ++i) active[i] = static_cast<std::uint32_t>(i);
  for (;;) {
    const std::size_t before = active.size();
    std::erase_if(active, [&](std::uint32_t i) { return !wants_more(i); });
    execution_.advance(before - active.size());
    if (active.empty()) break;
    execution_.for_each(active.size(), [&](std::size_t p) { residual(active[p], residuals.data() + active[p] * stride); });
    if (execution_.cancelled()) return Status::cancelled();
    const ConstMatrix32 left{residuals.data(), batch_.count(), dictionary_.dims(), stride};
    product::select({left, active.data(), active.size()}, dictionary_.packed(), strongest, scores, execution_);
    if (execution_.cancelled()) return Status::cancelled();
    execution_.for_each(active.size(), [&](std::size_t p) {
      const bool found = scores.count[p] > 0;
      const product::Entry entry = found ? scores.row(p)[0] : product::Entry{};
      const bool useful = found && !(options_.nonnegative && entry.value <= 0);
      take(active[p], useful ? entry.index : dictionary_.features(), entry.value);
    });
  }
  execution_.for_each(batch_.count(), [&](std::size_t i) { finish(i); });
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

/// Does making the Gram matrix, and reading its rows, cost less than scoring every residual?
bool gram_pays(std::size_t samples, double atoms, const Dictionary& dictionary) {
  if (!dictionary.gram_fits()) return false;
  const double features = static_cast<double>(dictionary.features()), dims = static_cast<double>(dictionary.dims());
  const double n = static_cast<double>(samples), making = dictionary.has_gram() ? 0 : features * dims;
  return making + kGramReadCost * 0.5 * atoms * atoms * n < n * atoms * dims;
}

}  // namespace

Status orthogonal_matching_pursuit(const ScaledBatch& batch, const Dictionary& dictionary,
                                   const UnfoldOptions& options, std::size_t first, std::size_t total,
                                   const Execution& execution, std::vector<SampleResult>& out) {
  double atoms = static_cast<double>(std::min(dictionary.dims(), dictionary.features()));
  if (!options.sparsity.empty()) {
    atoms = 0;
    for (std::uint32_t k : options.sparsity) atoms += static_cast<double>(k) / static_cast<double>(options.sparsity.size());
  }
  PursuitBatch pursuit(batch, dictionary, options, first, execution, out);
  return gram_pays(total, atoms, dictionary) ? pursuit.with_gram() : pursuit.with_rescoring();
}

}  // namespace unsuperpose
