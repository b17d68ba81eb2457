// ISTA and FISTA (Beck & Teboulle 2009) with gradient restart (O'Donoghue & Candès 2015): the plain
// first-order methods, for comparison and for λ so small that supports are no longer sparse.
//   a⁺ = soft(v + (D·r(v) − βv)/L, λw/L),   v = a (ISTA)   or   v = a + momentum·(a − a_old) (FISTA)
// Residuals are linear in the code, so r(v) follows from r(a) and r(a_old) without a product; the step is
// checked against ‖D(a⁺ − v)‖² ≤ L‖a⁺ − v‖² and L grows where the estimate was too low.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/shrink/shrink.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/scorer.hpp"
#include "active_samples.hpp"
#include "batch.hpp"
#include "certificate.hpp"
#include "proximal.hpp"
#include "spectral.hpp"

namespace unsuperpose {

namespace {

constexpr std::uint32_t kDefaultSteps = 10000;
constexpr std::uint32_t kCheckEvery = 10;  // FISTA's gap costs a product of its own
constexpr std::uint32_t kPatience = 500;   // steps without a smaller gap before a sample counts as stalled
constexpr double kLipschitzMargin = 1.01;  // over the power iteration's estimate
constexpr double kBacktrack = 1.5;
constexpr double kRoundingSlack =
    1e-13;  // ‖r‖² in float32 is good to some 2⁻²⁴·‖r‖·√‖…‖: below this no verdict
constexpr std::size_t kDenseFloats = std::size_t{1} << 23;  // dense codes of a sub-batch: 32 MiB an array

struct Step {
  double lipschitz = 0;
  double momentum = 1;  // t_k
  double best_gap = std::numeric_limits<double>::infinity();
  std::uint32_t steps = 0, last_progress = 0;
  std::vector<std::pair<std::uint32_t, float>> best;  // the code of the smallest gap
  Evaluation best_at{};
};

class ProximalBatch {
 public:
  ProximalBatch(const ScaledBatch& batch, std::size_t begin, std::size_t count, const Dictionary& dictionary,
                const ProximalGradient& options, double lipschitz, const Execution& execution,
                std::vector<SampleResult>& out)
      : batch_(batch),
        begin_(begin),
        dictionary_(dictionary),
        options_(options),
        execution_(execution),
        out_(out),
        features_(round_up(dictionary.features(), kCacheLine / sizeof(float))),
        dims_(batch.samples().stride),
        steps_(count),
        code_(AlignedBuffer<float>::zeros(count * features_)),
        point_(AlignedBuffer<float>::zeros(count * features_)),
        correlation_(AlignedBuffer<float>::zeros(count * features_)),
        residual_(AlignedBuffer<float>::zeros(count * dims_)),
        point_residual_(AlignedBuffer<float>::zeros(count * dims_)),
        active_(count, 1, execution),
        scorer_(dictionary.rows(), options.weights, options.nonnegative, scoring::Ladder::float32) {
    for (Step& step : steps_) step.lipschitz = lipschitz;
  }

  Status run(const SparseCodes* warm, std::size_t first);

 private:
  double residual_of(std::size_t i, const float* code, float* out) const;
  void correlate(const AlignedBuffer<float>& residuals);
  void advance(std::size_t i, std::size_t position);
  bool certify(std::size_t i, std::size_t position);
  bool better_than_zero(std::size_t i) const;
  double strongest(std::size_t i, const float* correlation, const float* residual, double norm) const;

  const ScaledBatch& batch_;
  const std::size_t begin_;
  const Dictionary& dictionary_;
  const ProximalGradient& options_;
  const Execution& execution_;
  std::vector<SampleResult>& out_;
  const std::size_t features_, dims_;  // padded
  std::vector<Step> steps_;
  AlignedBuffer<float> code_, point_, correlation_, residual_, point_residual_;
  ActiveSamples active_;
  scoring::Scorer scorer_;
  std::vector<scoring::Request> requests_;
};

double ProximalBatch::residual_of(std::size_t i, const float* code, float* out) const {
  std::vector<std::uint32_t> support;
  std::vector<float> values;
  for (std::uint32_t j = 0; j < dictionary_.features(); ++j) {
    if (code[j] == 0) continue;
    support.push_back(j);
    values.push_back(code[j]);
  }
  const ConstMatrix32 atoms = dictionary_.atoms();
  return sparse_rows::table().residual(batch_.samples().row(begin_ + i), support.data(), values.data(),
                                       support.size(), atoms.data, atoms.stride, dictionary_.dims(), out);
}

/// correlation row `position` = D · residual of the active sample at `position`
void ProximalBatch::correlate(const AlignedBuffer<float>& residuals) {
  const ConstMatrix32 left{residuals.data(), steps_.size(), dictionary_.dims(), dims_};
  requests_.assign(active_.size(), {});
  for (std::size_t p = 0; p < active_.size(); ++p) requests_[p].row = active_[p];
  scorer_.every(scorer_.last_rung(), left, requests_,
                {correlation_.data(), active_.size(), dictionary_.features(), features_}, execution_);
}

/// max_j |d_j·r − βa_j|/w_j, exact: the float32 scores only choose who is recomputed in float64.
double ProximalBatch::strongest(std::size_t i, const float* correlation, const float* residual,
                                double norm) const {
  const float* code = code_.data() + i * features_;
  const auto strength = [&](std::size_t j, double c) {
    return scorer_.strength(c - options_.ridge * code[j], scorer_.weight(j));
  };
  // Of the computed correlation: this share of ‖d_j‖, and what underflow adds.
  const std::size_t dims = dictionary_.dims();
  const double share = product::error_bound(dims) * norm;
  const double underflow = scoring::underflow(product::Precision::float32, dims, 1);
  const auto error = [&](std::size_t j) {
    return (share * dictionary_.norm(j) + underflow) / scorer_.weight(j);
  };
  double lower = 0;  // some feature is at least this strong
  for (std::size_t j = 0; j < dictionary_.features(); ++j)
    lower = std::max(lower, strength(j, correlation[j]) - error(j));
  double largest = 0;
  for (std::size_t j = 0; j < dictionary_.features(); ++j) {
    if (strength(j, correlation[j]) + error(j) < lower) continue;
    largest =
        std::max(largest, strength(j, dots::table().dot(dictionary_.atom(j), residual, dictionary_.dims())));
  }
  return largest;
}

/// Is the code of the sample finite, and P there at most P(0)?
bool ProximalBatch::better_than_zero(std::size_t i) const {
  const float* code = code_.data() + i * features_;
  std::vector<float> residual(dims_);
  Evaluation at{};
  at.squared_residual = residual_of(i, code, residual.data());
  for (std::uint32_t j = 0; j < dictionary_.features(); ++j) {
    if (code[j] == 0) continue;
    at.weighted_l1 += scorer_.weight(j) * std::fabs(static_cast<double>(code[j]));
    at.squared_code += static_cast<double>(code[j]) * code[j];
  }
  return at.objective(batch_.lambda(begin_ + i), options_.ridge) <= 0.5 * batch_.squared_norm(begin_ + i);
}

/// Expects the correlations of the code's residual in row `position`. True if the sample is finished.
bool ProximalBatch::certify(std::size_t i, std::size_t position) {
  Step& step = steps_[i];
  const float* code = code_.data() + i * features_;
  std::vector<float> exact(dims_);
  Evaluation at{};
  at.squared_input = batch_.squared_norm(begin_ + i);
  at.squared_residual = residual_of(i, code, exact.data());
  const float* r = residual_.data() + i * dims_;
  at.squared_rounded = reduce::table().squared_norm(r, dictionary_.dims());
  at.input_residual = dots::table().dot(batch_.samples().row(begin_ + i), r, dictionary_.dims());
  std::vector<std::pair<std::uint32_t, float>> codes;
  for (std::uint32_t j = 0; j < dictionary_.features(); ++j) {
    if (code[j] == 0) continue;
    at.weighted_l1 +=
        (options_.weights.empty() ? 1.0 : options_.weights[j]) * std::fabs(static_cast<double>(code[j]));
    at.squared_code += static_cast<double>(code[j]) * code[j];
    codes.emplace_back(j, code[j]);
  }
  const double lambda = batch_.lambda(begin_ + i);
  const double gap = relative_gap(
      at, lambda, options_.ridge,
      strongest(i, correlation_.data() + position * features_, r, std::sqrt(at.squared_rounded)));
  if (gap < step.best_gap) {
    step.best_gap = gap;
    step.last_progress = step.steps;
    step.best = std::move(codes);
    step.best_at = at;
  }
  const std::uint32_t limit = options_.max_iterations ? options_.max_iterations : kDefaultSteps;
  Outcome outcome = Outcome::converged;
  if (!(gap <= options_.tolerance)) {
    if (step.steps >= limit)
      outcome = Outcome::iterations;
    else if (step.steps - step.last_progress >= kPatience)
      outcome = Outcome::stalled;
    else
      return false;
  }
  SampleResult& result = out_[begin_ + i];
  result.gap = step.best_gap;
  result.outcome = outcome;
  result.iterations = step.steps;
  batch_.finish(begin_ + i, step.best, step.best_at.objective(lambda, options_.ridge),
                step.best_at.squared_residual, result);
  return true;
}

/// One step from the point v, whose residual's correlations are in row `position`.
void ProximalBatch::advance(std::size_t i, std::size_t position) {
  Step& step = steps_[i];
  const std::size_t features = dictionary_.features();
  float* a = code_.data() + i * features_;
  float* v = point_.data() + i * features_;
  float* next = correlation_.data() + position * features_;  // overwritten in place
  float* r = residual_.data() + i * dims_;
  float* rv = point_residual_.data() + i * dims_;
  const double inverse = 1 / (step.lipschitz + options_.ridge);
  const float keep = static_cast<float>(1 - options_.ridge * inverse), rate = static_cast<float>(inverse);
  for (std::size_t j = 0; j < features; ++j) next[j] = keep * v[j] + rate * next[j];
  shrink::table().soft(next, static_cast<float>(batch_.lambda(begin_ + i) * inverse),
                       options_.weights.empty() ? nullptr : options_.weights.data(), options_.nonnegative,
                       next, features);
  std::vector<float> fresh(dims_);
  residual_of(i, next, fresh.data());
  ++step.steps;

  double moved = 0, curved = 0, turn = 0;
  for (std::size_t j = 0; j < features; ++j) {
    const double d = static_cast<double>(next[j]) - v[j];
    moved += d * d;
    turn -= d * (static_cast<double>(next[j]) - a[j]);
  }
  for (std::size_t k = 0; k < dictionary_.dims(); ++k) {
    const double d = static_cast<double>(fresh[k]) - rv[k];
    curved += d * d;
  }
  if (curved > step.lipschitz * moved + kRoundingSlack) {
    step.lipschitz *= kBacktrack;  // the estimate was too low: again from the last code
    step.momentum = 1;
    std::memcpy(v, a, features * sizeof(float));
    std::memcpy(rv, r, dims_ * sizeof(float));
    return;
  }
  double extrapolation = 0;
  if (options_.accelerated) {
    if (turn > 0) step.momentum = 1;
    const double momentum = 0.5 * (1 + std::sqrt(1 + 4 * step.momentum * step.momentum));
    extrapolation = turn > 0 ? 0 : (step.momentum - 1) / momentum;
    step.momentum = momentum;
  }
  const float e = static_cast<float>(extrapolation);
  for (std::size_t j = 0; j < features; ++j) {
    v[j] = next[j] + e * (next[j] - a[j]);
    a[j] = next[j];
  }
  for (std::size_t k = 0; k < dictionary_.dims(); ++k) {
    rv[k] = fresh[k] + e * (fresh[k] - r[k]);
    r[k] = fresh[k];
  }
}

Status ProximalBatch::run(const SparseCodes* warm, std::size_t first) {
  const std::size_t count = steps_.size();
  for (std::size_t i = 0; i < count; ++i) {
    float* a = code_.data() + i * features_;
    if (warm)
      for (std::size_t k = warm->indptr[first + begin_ + i]; k < warm->indptr[first + begin_ + i + 1]; ++k) {
        const float value = batch_.start(begin_ + i, warm->indices[k], warm->values[k]);
        if (!options_.nonnegative || value > 0) a[warm->indices[k]] = value;
      }
    if (warm && !better_than_zero(i)) std::fill_n(a, features_, 0.0f);
    std::memcpy(point_.data() + i * features_, a, features_ * sizeof(float));
    residual_of(i, a, residual_.data() + i * dims_);
    std::memcpy(point_residual_.data() + i * dims_, residual_.data() + i * dims_, dims_ * sizeof(float));
  }
  std::vector<std::uint8_t> done(count, 0);
  for (std::uint32_t round = 0; !active_.empty(); ++round) {
    const std::uint32_t limit = options_.max_iterations ? options_.max_iterations : kDefaultSteps;
    if (round % kCheckEvery == 0 || round >= limit) {
      correlate(residual_);
      if (execution_.cancelled()) return Status::cancelled();
      active_.for_each([&](std::uint32_t i, std::size_t position) { done[i] = certify(i, position); });
      if (execution_.cancelled()) return Status::cancelled();
      active_.drop([&](std::uint32_t i) { return done[i] != 0; });
      if (active_.empty()) break;
    }
    correlate(point_residual_);
    if (execution_.cancelled()) return Status::cancelled();
    active_.for_each([&](std::uint32_t i, std::size_t position) { advance(i, position); });
  }
  return {};
}

}  // namespace

Status ProximalGradient::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  const Status status = check_penalty(*this, samples, dictionary);
  return status.ok() ? check_warm_start(warm_start.get(), samples.rows, dictionary) : status;
}

BatchSolver ProximalGradient::start(const Dictionary& dictionary, std::size_t samples,
                                    const Execution& execution) const {
  const double norm = samples > 0 ? spectral_norm(dictionary, execution) : 0;
  const double lipschitz = std::max(norm * norm * kLipschitzMargin, std::numeric_limits<double>::min());
  return [&, this, lipschitz](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    const std::size_t step = std::clamp<std::size_t>(kDenseFloats / dictionary.features(), 1, batch.count());
    Status status;
    for (std::size_t begin = 0; begin < batch.count() && status.ok(); begin += step) {
      const std::size_t count = std::min(step, batch.count() - begin);
      status = ProximalBatch(batch, begin, count, dictionary, *this, lipschitz, execution, out)
                   .run(warm_start.get(), first);
    }
    return status;
  };
}

}  // namespace unsuperpose
