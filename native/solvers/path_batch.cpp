#include "path_batch.hpp"

#include <algorithm>
#include <cmath>

#include "../core/cancellation.hpp"
#include "../core/sums.hpp"
#include "../kernels/dots/dots.hpp"
#include "../scoring/exact.hpp"
#include "active_samples.hpp"

namespace unsuperpose {

namespace {

/// Samples a block of the parallel loops.
constexpr std::size_t kBlock = 4;
/// Products are kept between passes up to this size a sample: half a gigabyte a batch.
constexpr std::size_t kLargestKept = std::size_t{1} << 20;
/// Paths take some two knots an atom on ordinary dictionaries; there are dictionaries with exponentially many
/// (Mairal & Yu 2012).
constexpr std::uint32_t kKnotsPerAtom = 32, kFewestKnots = 1000;
/// A long walk looks this often whether the call was cancelled.
constexpr std::uint32_t kKnotsBetweenLooks = 32;

/// Atoms between two looks whether the call was cancelled.
constexpr std::uint32_t kTogether = 1024;

float rounded(double value, bool inward) {
  const float nearest = static_cast<float>(value);
  const bool outside = std::fabs(static_cast<double>(nearest)) > std::fabs(value);
  return inward && outside ? std::nextafter(nearest, 0.0f) : nearest;
}

}  // namespace

std::uint32_t knot_limit(std::uint32_t asked, const Dictionary& dictionary, double ridge) {
  if (asked) return asked;
  // With a ridge more atoms may be active than there are dims.
  const std::size_t features = dictionary.features(),
                    most = ridge > 0 ? features : std::min(dictionary.dims(), features);
  return static_cast<std::uint32_t>(std::min<std::size_t>(kFewestKnots + kKnotsPerAtom * most, UINT32_MAX));
}

Status PathOptions::check_path(ConstMatrix32 samples, const Dictionary& dictionary) const {
  Status status = check_dims(samples, dictionary);
  if (status.ok() && (!(ridge >= 0) || !std::isfinite(ridge)))
    status = Status::fail(Code::option, "ridge must be finite and ≥ 0");
  if (status.ok() && !(tolerance > 0)) status = Status::fail(Code::option, "tolerance must be > 0");
  return status.ok() ? check_weights(weights, dictionary) : status;
}

PathBatch::PathBatch(const ScaledBatch& batch, const Dictionary& dictionary, const PathOptions& options,
                     std::size_t first, const Execution& execution, std::vector<SampleResult>& out)
    : batch_(batch),
      dictionary_(dictionary),
      options_(options),
      wide_(options.wide && (batch.split() || dictionary.split())),
      first_(first),
      execution_(execution),
      out_(out),
      screening_(dictionary, options.weights, options.nonnegative, options.wide),
      vectors_(batch.count(), dictionary.dims()) {}

std::vector<double> PathBatch::input(const PathSample& sample) const {
  const float* x = batch_.samples().row(sample.slot);
  std::vector<double> input(x, x + dictionary_.dims());
  if (wide_ && batch_.split())
    for (std::size_t d = 0; d < input.size(); ++d) input[d] += batch_.low(sample.slot)[d];
  return input;
}

void PathBatch::add_candidate(PathSample& sample, std::uint32_t atom) const {
  Candidates& candidates = sample.candidates;
  if (wide_ && candidates.size() == 0) candidates.widen(input(sample));
  candidates.add(dictionary_, batch_.samples().row(sample.slot), atom, screening_.weight(atom));
}

void PathBatch::subtract(std::vector<double>& y, const Candidates& candidates,
                         const std::vector<std::uint32_t>& positions,
                         const std::vector<double>& factors) const {
  for (std::size_t k = 0; k < positions.size(); ++k) {
    const float* atom = candidates.rows()[positions[k]];
    const double factor = factors[k];
    if (const double* wide = candidates.wide() ? candidates.wide_row(positions[k]) : nullptr)
      for (std::size_t d = 0; d < y.size(); ++d) y[d] -= factor * wide[d];
    else
      for (std::size_t d = 0; d < y.size(); ++d) y[d] -= factor * atom[d];
  }
}

bool PathBatch::step(PathSample& sample, LassoPath& path, const LassoPath::Event& event) const {
  if (!path.here(event)) {
    if (sample.knots == knot_limit(options_.max_iterations, dictionary_, options_.ridge)) {
      sample.limited = true;
      return false;
    }
    if (++sample.knots % kKnotsBetweenLooks == 0 && execution_.cancelled()) return false;
  }
  path.apply(event);
  return true;
}

void PathBatch::solve_at(PathSample& sample, double lambda) {
  LassoPath path(sample.candidates, options_.nonnegative, options_.ridge);
  walk(sample, path, lambda);
  sample.lambda = lambda;
  const double end = sample.limited ? std::max(path.lambda(), lambda) : lambda;
  take_codes(sample, path, end);
  ask_residual(sample, path, end);
}

void PathBatch::walk(PathSample& sample, LassoPath& path, double lambda) const {
  sample.knots = 0;
  sample.limited = false;
  for (;;) {
    const LassoPath::Event event = path.next();
    if (event.lambda <= lambda || !step(sample, path, event)) return;
  }
}

void PathBatch::take_codes(PathSample& sample, const LassoPath& path, double lambda) const {
  const Candidates& candidates = sample.candidates;
  std::vector<std::uint32_t> positions;
  std::vector<double> values;
  Evaluation& at = sample.at;
  at = {};
  sample.codes.clear();
  for (const auto& [position, exact] : path.codes(lambda)) {
    const double value = options_.float64 ? exact : static_cast<double>(rounded(exact, options_.inward));
    if (value == 0) continue;
    sample.codes.emplace_back(position, value);
    positions.push_back(position);
    values.push_back(value);
    at.weighted_l1 += candidates.weight(position) * std::fabs(value);
    at.squared_code += value * value;
  }
  std::vector<double> residual = input(sample);
  subtract(residual, candidates, positions, values);
  at.squared_input = batch_.squared_norm(sample.slot);
  for (const double r : residual) at.squared_residual += r * r;
}

void PathBatch::ask(PathSample& sample, const std::vector<double>& v, double threshold, double noise) {
  vectors_.set(sample.slot, v);
  const float *x = batch_.samples().row(sample.slot), *high = vectors_.high(sample.slot),
              *low = vectors_.low(sample.slot);
  const auto& dots = dots::table();
  const std::size_t dims = dictionary_.dims();
  sample.at.squared_rounded =
      dots.dot(high, high, dims) + 2 * dots.dot(high, low, dims) + dots.dot(low, low, dims);
  sample.at.input_residual = dots.dot(x, high, dims) + dots.dot(x, low, dims);
  if (wide_ && batch_.split())
    sample.at.input_residual += scoring::split_product(batch_.low(sample.slot), high, low, dims);
  sample.question = {
      sample.slot, threshold, std::sqrt(sample.at.squared_rounded), noise, sample.candidates.size(),
      threshold};
}

void PathBatch::ask_multiple(PathSample& sample, std::vector<double> v, double threshold, double noise) {
  int exponent = 0;
  const double norm = std::sqrt(sums::squared_norm(v.data(), v.size()));
  if (norm > 0) std::frexp(norm, &exponent);
  for (double& c : v) c = std::ldexp(c, -exponent);
  ask(sample, v, std::ldexp(threshold, -exponent), std::ldexp(noise, -exponent));
}

void PathBatch::ask_residual(PathSample& sample, const LassoPath& path, double lambda) {
  std::vector<double> r = input(sample), factors;
  std::vector<std::uint32_t> positions;
  double size = std::sqrt(batch_.squared_norm(sample.slot));
  for (const auto& [position, value] : path.codes(lambda)) {
    positions.push_back(position);
    factors.push_back(value);
    size += std::fabs(value) * std::sqrt(sample.candidates.squared_norm(position));
  }
  subtract(r, sample.candidates, positions, factors);
  ask(sample, r, lambda, size * 0x1.0p-50);
}

double PathBatch::strongest_exactly(const PathSample& sample) const {
  std::vector<double> shrunk(options_.ridge > 0 ? dictionary_.features() : 0, 0);
  if (options_.ridge > 0)
    for (const auto& [position, value] : sample.codes)
      shrunk[sample.candidates.atoms()[position]] = options_.ridge * value;
  double strongest = 0;
  for (std::uint32_t j = 0; j < dictionary_.features(); ++j) {
    if (j % kTogether == 0) cancellation::point();
    const double product = screening_.product(j, vectors_, sample.slot) - (shrunk.empty() ? 0 : shrunk[j]);
    strongest = std::max(strongest, screening_.strength(product, screening_.weight(j)));
  }
  return strongest;
}

void PathBatch::finish(PathSample& sample, double objective) {
  std::vector<std::pair<std::uint32_t, double>> codes;
  for (const auto& [position, value] : sample.codes)
    codes.emplace_back(sample.candidates.atoms()[position], value);
  std::sort(codes.begin(), codes.end());
  SampleResult& result = out_[sample.slot];
  result.gap = sample.gap;
  result.outcome = sample.outcome;
  result.lambda = batch_.lambda_from_scaled(sample.slot, sample.lambda);
  if (options_.float64) {
    batch_.finish64(sample.slot, codes, objective, sample.at.squared_residual, result);
  } else {
    std::vector<std::pair<std::uint32_t, float>> rounded;
    for (const auto& [atom, value] : codes) rounded.emplace_back(atom, static_cast<float>(value));
    batch_.finish(sample.slot, rounded, objective, sample.at.squared_residual, result);
  }
  sample.done = true;
  if (!goes_on_) sample.candidates = Candidates();
}

void PathBatch::begin(PathSample& sample) {
  if (const SparseCodes* warm = warm_start_) {
    const std::size_t row = first_ + sample.slot;
    for (std::size_t k = warm->indptr[row]; k < warm->indptr[row + 1]; ++k)
      if (warm->values[k] != 0 && dictionary_.norm(warm->indices[k]) > 0)
        add_candidate(sample, warm->indices[k]);
  }
  if (sample.candidates.size() > 0) return solve(sample);
  sample.at = {};
  sample.at.squared_input = sample.at.squared_residual = batch_.squared_norm(sample.slot);
  ask(sample, input(sample), first_threshold(sample), 0);
}

/// Of the candidates with the vector that was asked about.
std::vector<double> PathBatch::correlate(const PathSample& sample) const {
  const Candidates& candidates = sample.candidates;
  const std::size_t n = candidates.size(), dims = dictionary_.dims();
  const float *high = vectors_.high(sample.slot), *low = vectors_.low(sample.slot);
  std::vector<double> correlations(n), of_low(n);
  if (candidates.wide()) {
    std::vector<double> v(high, high + dims);
    for (std::size_t d = 0; d < dims; ++d) v[d] += low[d];
    for (std::size_t i = 0; i < n; ++i) correlations[i] = sums::dot(candidates.wide_row(i), v.data(), dims);
    return correlations;
  }
  dots::table().correlate(candidates.rows(), n, high, dims, correlations.data());
  dots::table().correlate(candidates.rows(), n, low, dims, of_low.data());
  for (std::size_t i = 0; i < n; ++i) correlations[i] += of_low[i];
  return correlations;
}

/// max |d_j·v − βa_j|/w_j over the candidates.
double PathBatch::strongest_candidate(const PathSample& sample) const {
  const Candidates& candidates = sample.candidates;
  std::vector<double> correlations = correlate(sample);
  for (const auto& [at, value] : sample.codes) correlations[at] -= options_.ridge * value;
  double strongest = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    strongest = std::max(strongest, screening_.strength(correlations[i], candidates.weight(i)));
  return strongest;
}

void PathBatch::advance(PathSample& sample, std::size_t position) {
  Screening::Answer answer;
  Candidates& candidates = sample.candidates;
  screening_.examine(position, vectors_, sample.question, candidates, answer);
  if (answer.violators.empty() || sample.limited) {
    const double own = strongest_candidate(sample);
    if (!sample.limited && answer.open && !settled(sample, std::max(own, answer.strongest)))
      screening_.decide(vectors_, sample.question, candidates, answer);
    if (answer.violators.empty() || sample.limited) {
      conclude(sample, std::max(own, answer.strongest));
      if (candidates.bytes() > kLargestKept) candidates.release();
      return;
    }
  }
  const std::size_t dims = dictionary_.dims();
  const std::size_t most =
      candidates.size() == 0 ? first_candidates(dims) : later_candidates(dims, candidates.size());
  answer.violators.insert(answer.violators.end(), answer.runners_up.begin(), answer.runners_up.end());
  if (answer.violators.size() > most) answer.violators.resize(most);
  for (std::uint32_t j : answer.violators) add_candidate(sample, j);
  solve(sample);
  if (candidates.bytes() > kLargestKept) candidates.release();
}

Status PathBatch::run(const SparseCodes* warm_start) {
  std::vector<PathSample> samples(batch_.count());
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i].slot = static_cast<std::uint32_t>(i);
  warm_start_ = warm_start;
  goes_on_ = false;
  return proceed(samples);
}

Status PathBatch::proceed(std::vector<PathSample>& samples) {
  ActiveSamples active(samples.size(), kBlock, execution_);
  active.skip([&](std::uint32_t i) { return samples[i].done; });
  active.for_each([&](std::uint32_t i, std::size_t) { begin(samples[i]); });
  while (!active.empty()) {
    if (execution_.cancelled()) return Status::cancelled();
    questions_.clear();
    std::size_t room = 0;
    for (std::uint32_t i : active.samples()) {
      questions_.push_back(samples[i].question);
      room = std::max(room, later_candidates(dictionary_.dims(), samples[i].candidates.size()));
    }
    screening_.score(vectors_, questions_, room, execution_);
    if (execution_.cancelled()) return Status::cancelled();
    active.for_each([&](std::uint32_t i, std::size_t position) { advance(samples[i], position); });
    if (execution_.cancelled()) return Status::cancelled();
    active.drop([&](std::uint32_t i) { return samples[i].done; });
  }
  return {};
}

}  // namespace unsuperpose
