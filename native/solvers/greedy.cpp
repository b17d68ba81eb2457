#include "greedy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/scorer.hpp"
#include "active_samples.hpp"
#include "least_squares.hpp"

namespace unsuperpose {

namespace {

/// Samples a block of the parallel loops.
constexpr std::size_t kBlock = 4;
/// A residual below this share of ‖x‖ is the rounding of float32 codes.
constexpr double kRelativeFloor = 1e-7;

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

void GreedyBatch::take(GreedySample& sample, SparseCode code) {
  code.drop_zeros();
  std::vector<float> values(code.values.begin(), code.values.end());
  const ConstMatrix32 atoms = dictionary_.atoms();
  sample.squared = sparse_rows::table().residual(
      batch_.samples().row(sample.slot), code.atoms.data(), values.data(), values.size(), atoms.data,
      atoms.stride, dictionary_.dims(), residuals_.data() + sample.slot * stride_);
  sample.code = std::move(code);
  if (sample.squared < sample.best_squared) {
    sample.best_squared = sample.squared;
    sample.best = sample.code;
  }
}

bool GreedyBatch::small_enough(const GreedySample& sample) const {
  const double bound = std::max(enough(sample), kRelativeFloor * std::sqrt(batch_.squared_norm(sample.slot)));
  return sample.squared <= bound * bound;
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
  batch_.finish(sample.slot, codes, 0.5 * sample.best_squared, sample.best_squared, result);
}

Status GreedyBatch::run() {
  ActiveSamples active(samples_.size(), kBlock, execution_);
  for (std::uint32_t i = 0; i < samples_.size(); ++i) {
    GreedySample& sample = samples_[i];
    sample.slot = i;
    sample.best_squared = std::numeric_limits<double>::infinity();
    take(sample, {});
    if (small_enough(sample)) sample.done = true;
  }
  const std::vector<float> no_weights;
  scoring::Scorer scorer(dictionary_.rows(), no_weights, options_.nonnegative, scoring::Ladder::float32,
                         by_norm());
  std::vector<scoring::Request> requests;
  const ConstMatrix32 residuals{residuals_.data(), batch_.count(), dictionary_.dims(), stride_};
  for (;;) {
    active.drop([&](std::uint32_t i) { return samples_[i].done; });
    if (active.empty()) break;
    requests.assign(active.size(), {});
    for (std::size_t p = 0; p < active.size(); ++p) requests[p].row = active[p];
    scorer.list(scorer.last_rung(), residuals, requests, listed(), execution_);
    if (execution_.cancelled()) return Status::cancelled();
    active.for_each([&](std::uint32_t i, std::size_t position) {
      ++samples_[i].rounds;
      step(samples_[i], {scorer[position].entries, scorer[position].count});
    });
    if (execution_.cancelled()) return Status::cancelled();
  }
  execution_.for_items(samples_.size(), kBlock, [&](std::size_t i) { finish(samples_[i]); });
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
