#include "greedy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/exact.hpp"
#include "active_samples.hpp"
#include "least_squares.hpp"

namespace unsuperpose {

namespace {

/// Samples a block of the parallel loops.
constexpr std::size_t kBlock = 4;
/// For a bound's own rounding.
constexpr double kSlack = 1e-6;
/// A residual of a code rounded to float32 that is below this share of the sizes of its parts may be that rounding.
constexpr double kDeep = 0x1.0p-16;
constexpr double kUnit = 0x1.0p-53;

}  // namespace

double SparseCode::at(std::uint32_t atom) const {
  const auto place = std::lower_bound(atoms.begin(), atoms.end(), atom);
  return place != atoms.end() && *place == atom ? values[static_cast<std::size_t>(place - atoms.begin())] : 0;
}

bool SparseCode::has(std::uint32_t atom) const {
  return std::binary_search(atoms.begin(), atoms.end(), atom);
}

void SparseCode::add(std::uint32_t atom, double value) {
  const auto place = std::lower_bound(atoms.begin(), atoms.end(), atom);
  const auto at = place - atoms.begin();
  if (place != atoms.end() && *place == atom) {
    values[static_cast<std::size_t>(at)] += value;
    return;
  }
  atoms.insert(place, atom);
  values.insert(values.begin() + at, value);
}

void SparseCode::drop_zeros() {
  std::size_t kept = 0;
  for (std::size_t k = 0; k < atoms.size(); ++k) {
    if (values[k] == 0) continue;
    atoms[kept] = atoms[k];
    values[kept++] = values[k];
  }
  atoms.resize(kept);
  values.resize(kept);
}

GreedyBatch::GreedyBatch(const ScaledBatch& batch, const Dictionary& dictionary, const GreedyOptions& options,
                         std::size_t first, const Execution& execution, std::vector<SampleResult>& out)
    : batch_(batch),
      dictionary_(dictionary),
      options_(options),
      first_(first),
      execution_(execution),
      out_(out),
      samples_(batch.count()),
      stride_(batch.samples().stride),
      residuals_(batch.count() * batch.samples().stride) {}

double GreedyBatch::dot(std::uint32_t j, const float* v) const {
  return dots::table().dot(atom(j), v, dictionary_.dims());
}

double GreedyBatch::combine(const std::vector<std::uint32_t>& atoms, const std::vector<double>& factors,
                            std::vector<double>& out) const {
  out.assign(dictionary_.dims(), 0.0);
  for (std::size_t k = 0; k < atoms.size(); ++k)
    for (std::size_t d = 0; d < out.size(); ++d)
      out[d] += factors[k] * static_cast<double>(atom(atoms[k])[d]);
  double squared = 0;
  for (const double v : out) squared += v * v;
  return squared;
}

SparseCode GreedyBatch::least_squares(const GreedySample& sample,
                                      const std::vector<std::uint32_t>& atoms) const {
  LeastSquares fit;
  fit.reserve(atoms.size());
  std::vector<std::uint32_t> support;
  std::vector<const float*> rows;
  std::vector<double> products;
  const float* x = batch_.samples().row(sample.slot);
  for (const std::uint32_t j : atoms) {
    rows.push_back(atom(j));
    products.resize(rows.size());
    dots::table().correlate(rows.data(), rows.size(), atom(j), dictionary_.dims(), products.data());
    if (!(products.back() > 0) || !fit.append(products.data(), dot(j, x))) {
      rows.pop_back();
      continue;
    }
    support.push_back(j);
    if (!options_.nonnegative) continue;
    for (const std::size_t dropped : fit.make_nonnegative()) {
      support.erase(support.begin() + static_cast<std::ptrdiff_t>(dropped));
      rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(dropped));
    }
  }
  SparseCode code;
  for (std::size_t k = 0; k < support.size(); ++k) code.add(support[k], fit.solution()[k]);
  return code;
}

/// ‖x‖ + Σ|a_k|‖d_k‖: what the rounding of a residual is relative to.
double GreedyBatch::parts(const SparseCode& code, std::size_t slot) const {
  double sum = std::sqrt(batch_.squared_norm(slot));
  for (std::size_t k = 0; k < code.atoms.size(); ++k)
    sum += std::fabs(code.values[k]) * dictionary_.norm(code.atoms[k]);
  return sum;
}

/// A residual in float64 is off by less than this.
double GreedyBatch::rounding(const GreedySample& sample) const {
  return static_cast<double>(2 * sample.code.atoms.size() + 8) * kUnit * parts(sample.code, sample.slot);
}

/// x − aD in float64; returns its squared norm.
double GreedyBatch::exact_residual(const GreedySample& sample, std::vector<double>& out) const {
  combine(sample.code.atoms, sample.code.values, out);
  double squared = 0;
  for (std::size_t d = 0; d < out.size(); ++d) {
    out[d] = static_cast<double>(batch_.samples().row(sample.slot)[d]) - out[d];
    squared += out[d] * out[d];
  }
  return squared;
}

double GreedyBatch::dot(std::uint32_t j, const Best& best) const {
  if (best.low.empty()) return dot(j, best.residual);
  return scoring::split_product(atom(j), best.high.data(), best.low.data(), dictionary_.dims());
}

GreedyBatch::Best GreedyBatch::strongest(const GreedySample& sample, const scoring::Scored& scored) const {
  Best best;
  best.residual = residual(sample);
  // There could be nothing, and the score its error.
  if (scored.count > 0 && scorer_->strength(scored.entries[0]) > 2 * scored.error) {
    best.atom = scored.entries[0].index;
    best.product = dot(best.atom, best.residual);
    return best;
  }
  std::vector<double> exact;
  exact_residual(sample, exact);
  best.high.assign(exact.begin(), exact.end());
  best.low.resize(exact.size());
  for (std::size_t d = 0; d < exact.size(); ++d)
    best.low[d] = static_cast<float>(exact[d] - static_cast<double>(best.high[d]));
  best.residual = best.high.data();
  const auto strength = [&](std::uint32_t j) { return scorer_->strength(dot(j, best), scorer_->weight(j)); };
  const auto admit = [&](std::uint32_t j) { return dictionary_.norm(j) > 0; };
  const scoring::Strongest found =
      scoring::strongest_exactly(*scorer_, scored, dictionary_.features(), 0, strength, admit);
  if (found.index == kNone ||
      !(found.value * scorer_->weight(found.index) > rounding(sample) * dictionary_.norm(found.index)))
    return best;
  best.atom = found.index;
  best.product = dot(best.atom, best);
  return best;
}

void GreedyBatch::take(GreedySample& sample, SparseCode code) {
  code.drop_zeros();
  std::vector<float> values(code.values.begin(), code.values.end());
  const ConstMatrix32 atoms = dictionary_.atoms();
  float* left = residuals_.data() + sample.slot * stride_;
  sample.coded =
      sparse_rows::table().residual(batch_.samples().row(sample.slot), code.atoms.data(), values.data(),
                                    values.size(), atoms.data, atoms.stride, dictionary_.dims(), left);
  sample.squared = sample.coded;
  sample.code = std::move(code);
  const double unclear = kDeep * parts(sample.code, sample.slot);
  if (sample.coded < unclear * unclear) {
    std::vector<double> exact;
    sample.squared = exact_residual(sample, exact);
    for (std::size_t d = 0; d < exact.size(); ++d) left[d] = static_cast<float>(exact[d]);
  }
  // An atom may explain less than the rounding of what else is left.
  if (sample.squared < sample.best_squared ||
      (sample.squared == sample.best_squared && sample.code.atoms.size() > sample.best.atoms.size()))
    keep(sample);
}

/// The code is the best so far.
void GreedyBatch::keep(GreedySample& sample) {
  sample.best_squared = sample.squared;
  sample.best_coded = sample.coded;
  sample.best = sample.code;
}

bool GreedyBatch::explained(GreedySample& sample) {
  const double bound = enough(sample), rounded = rounding(sample);
  if (sample.coded <= bound * bound) {
    keep(sample);
    end(sample, Outcome::converged);
  } else if (sample.squared <= rounded * rounded) {
    // As float32, the code does not come as close as was asked for.
    end(sample, options_.residual > 0 ? Outcome::stalled : Outcome::converged);
  }
  return sample.done;
}

void GreedyBatch::end(GreedySample& sample, Outcome outcome) {
  sample.outcome = outcome;
  sample.done = true;
}

/// The best code of the sample, which is its last unless the method diverged or cycled.
void GreedyBatch::finish(GreedySample& sample) {
  std::vector<std::pair<std::uint32_t, float>> codes;
  for (std::size_t k = 0; k < sample.best.atoms.size(); ++k)
    codes.emplace_back(sample.best.atoms[k], static_cast<float>(sample.best.values[k]));
  SampleResult& result = out_[sample.slot];
  result.gap = std::numeric_limits<double>::quiet_NaN();
  result.iterations = sample.rounds;
  result.outcome = sample.outcome;
  batch_.finish(sample.slot, codes, 0.5 * sample.best_coded, sample.best_coded, result);
}

Status GreedyBatch::run() {
  ActiveSamples active(samples_.size(), kBlock, execution_);
  for (std::uint32_t i = 0; i < samples_.size(); ++i) {
    GreedySample& sample = samples_[i];
    sample.slot = i;
    sample.best_squared = std::numeric_limits<double>::infinity();
    take(sample, {});
    explained(sample);
  }
  const std::vector<float> no_weights;
  scoring::Scorer scorer(dictionary_.rows(), no_weights, options_.nonnegative, scoring::Ladder::float32,
                         by_norm());
  scorer_ = &scorer;
  std::vector<scoring::Request> requests;
  const ConstMatrix32 residuals{residuals_.data(), batch_.count(), dictionary_.dims(), stride_};
  for (;;) {
    active.drop([&](std::uint32_t i) { return samples_[i].done; });
    if (active.empty()) break;
    requests.assign(active.size(), {});
    for (std::size_t p = 0; p < active.size(); ++p) {
      const GreedySample& sample = samples_[active[p]];
      const double norm = (1 + kSlack) * std::sqrt(sample.squared);
      // The residual that is scored is one rounded to float32.
      const double rounded = 0x1.0p-24 * norm + rounding(sample);
      requests[p] = {.row = active[p], .norm = norm, .besides = (1 + kSlack) * rounded * scorer.largest()};
    }
    scorer.list(scorer.last_rung(), residuals, requests, listed(), execution_);
    if (execution_.cancelled()) return Status::cancelled();
    active.for_each([&](std::uint32_t i, std::size_t position) {
      ++samples_[i].rounds;
      step(samples_[i], scorer[position]);
    });
    if (execution_.cancelled()) return Status::cancelled();
  }
  execution_.for_items(samples_.size(), kBlock, [&](std::size_t i) { finish(samples_[i]); });
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
