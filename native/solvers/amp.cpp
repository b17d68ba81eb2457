// Approximate message passing (Donoho, Maleki & Montanari 2009):
//   a⁺ = soft(a + Dz, τ),   z⁺ = x − a⁺D + (‖a⁺‖₀/dims) z
// with τ = α‖z‖/√dims, or, for a given λ, τ = λ/(1 − ‖a‖₀/dims): at a fixed point z = (x − aD)/(1 − ‖a‖₀/dims), so that a is the
// LASSO solution at λ = τ(1 − ‖a‖₀/dims) (Donoho, Maleki & Montanari 2011, "The noise-sensitivity phase transition"). Its
// duality gap there certifies it. It converges on dictionaries like random ones, and can diverge on coherent ones: a
// sample whose z grows, or that does not settle, answers its best code and says so.
#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../scoring/scorer.hpp"
#include "active_samples.hpp"
#include "amp.hpp"
#include "batch.hpp"
#include "certificate.hpp"
#include "code_figures.hpp"
#include "greedy.hpp"

namespace unsuperpose {

namespace {

constexpr std::uint32_t kDefaultRounds = 500;
constexpr std::size_t kBlock = 4;
/// z larger than this many times ‖x‖, twice in a row larger than before, is not coming back.
constexpr double kDiverged = 10;
/// A code as dense as this share of dims makes the correction 1/(1 − ‖a‖₀/dims) meaningless.
constexpr double kDensest = 0.95;
/// Once a round changes the code by less than this share of it, its gap is looked at; then each time it has halved.
constexpr double kSettling = 1e-2;
/// Atoms scored exactly for a gap, beyond the support.
constexpr std::size_t kSpare = 16;

struct Sample {
  std::uint32_t slot = 0;
  SparseCode code, best;
  double threshold = 0;                                        // τ
  double objective = std::numeric_limits<double>::infinity();  // the best so far
  double best_lambda = 0;
  double settling = kSettling, norm = 0;
  double gap = std::numeric_limits<double>::quiet_NaN();
  std::uint32_t rounds = 0;
  Outcome outcome = Outcome::converged;
  bool asks = false, done = false;
};

class AmpBatch {
 public:
  AmpBatch(const ScaledBatch& batch, const Dictionary& dictionary, const MessagePassing& options,
           const Execution& execution, std::vector<SampleResult>& out)
      : batch_(batch),
        dictionary_(dictionary),
        options_(options),
        execution_(execution),
        out_(out),
        samples_(batch.count()),
        stride_(batch.samples().stride),
        z_(batch.count() * stride_),
        residuals_(batch.count() * stride_),
        rounds_(options.max_iterations ? options.max_iterations : kDefaultRounds),
        scorer_(dictionary.rows(), no_weights_, options.nonnegative, scoring::Ladder::float32) {}

  Status run();

 private:
  void set_threshold(Sample& sample) const;
  void step(Sample& sample, const std::vector<product::Entry>& entries);
  Evaluation evaluate(const Sample& sample, const SparseCode& code);
  void bound_gaps(std::vector<std::uint32_t>& asked);
  void finish(Sample& sample);

  double density(const SparseCode& code) const {
    return std::min(kDensest,
                    static_cast<double>(code.atoms.size()) / static_cast<double>(dictionary_.dims()));
  }
  double soft(double v, double t) const {
    if (v > t) return v - t;
    return !options_.nonnegative && v < -t ? v + t : 0;
  }
  float* z(const Sample& sample) const { return z_.data() + sample.slot * stride_; }
  float* residual(const Sample& sample) const { return residuals_.data() + sample.slot * stride_; }
  double dot(std::uint32_t j, const float* v) const {
    return dots::table().dot(dictionary_.atom(j), v, dictionary_.dims());
  }

  const ScaledBatch& batch_;
  const Dictionary& dictionary_;
  const MessagePassing& options_;
  const Execution& execution_;
  std::vector<SampleResult>& out_;
  std::vector<Sample> samples_;
  const std::size_t stride_;
  AlignedBuffer<float> z_, residuals_;
  const std::uint32_t rounds_;
  const std::vector<float> no_weights_;
  scoring::Scorer scorer_;
};

void AmpBatch::set_threshold(Sample& sample) const {
  const double dims = static_cast<double>(dictionary_.dims());
  sample.norm = std::sqrt(reduce::table().squared_norm(z(sample), dictionary_.dims()));
  sample.threshold = options_.lambda.empty() ? options_.threshold_factor * sample.norm / std::sqrt(dims)
                                             : batch_.lambda(sample.slot) / (1 - density(sample.code));
}

/// The residual of a code goes into residual().
Evaluation AmpBatch::evaluate(const Sample& sample, const SparseCode& code) {
  const std::vector<float> values(code.values.begin(), code.values.end());
  return evaluate_code(batch_.samples().row(sample.slot), batch_.squared_norm(sample.slot), code.atoms,
                       values, dictionary_, residual(sample));
}

/// One round, from the atoms outside the support that pass the threshold.
void AmpBatch::step(Sample& sample, const std::vector<product::Entry>& entries) {
  ++sample.rounds;
  SparseCode next;
  double change = 0, size = 0;
  const auto keep = [&](std::uint32_t j, double before, double v) {
    // float32, as it will be answered: the residual is that of the answer.
    const double a = static_cast<double>(static_cast<float>(soft(v, sample.threshold)));
    change += (a - before) * (a - before);
    size += a * a;
    if (a == 0) return;
    next.atoms.push_back(j);
    next.values.push_back(a);
  };
  std::size_t k = 0;
  for (const product::Entry& entry : entries) {
    for (; k < sample.code.atoms.size() && sample.code.atoms[k] < entry.index; ++k)
      keep(sample.code.atoms[k], sample.code.values[k],
           sample.code.values[k] + dot(sample.code.atoms[k], z(sample)));
    if (k < sample.code.atoms.size() && sample.code.atoms[k] == entry.index) continue;
    keep(entry.index, 0, entry.value);
  }
  for (; k < sample.code.atoms.size(); ++k)
    keep(sample.code.atoms[k], sample.code.values[k],
         sample.code.values[k] + dot(sample.code.atoms[k], z(sample)));

  sample.code = std::move(next);
  const Evaluation at = evaluate(sample, sample.code);
  const double lambda =
      options_.lambda.empty() ? sample.threshold * (1 - density(sample.code)) : batch_.lambda(sample.slot);
  // The best code is that of the least objective, for the λ that is asked for or the present one.
  const double objective = at.objective(lambda, 0);
  if (objective < sample.objective || options_.lambda.empty()) {
    if (std::isfinite(objective)) {
      sample.best = sample.code;
      sample.best_lambda = lambda;
      sample.objective = objective;
    }
  }
  const double correction = density(sample.code);
  for (std::size_t d = 0; d < dictionary_.dims(); ++d)
    z(sample)[d] = static_cast<float>(static_cast<double>(residual(sample)[d]) + correction * z(sample)[d]);
  const double before = sample.norm;
  set_threshold(sample);
  const double input = std::sqrt(batch_.squared_norm(sample.slot));
  if (!std::isfinite(sample.norm) || (sample.norm > kDiverged * input && sample.norm > before)) {
    sample.outcome = Outcome::diverged;
    sample.done = true;
    return;
  }
  sample.asks = change <= sample.settling * sample.settling * size;
  if (sample.asks) sample.settling /= 2;
  if (sample.rounds >= rounds_ && !sample.asks) {
    // Not settled: it wanders, or its code is as dense as dims.
    sample.outcome = sample.norm > input ? Outcome::diverged : Outcome::iterations;
    sample.done = true;
  }
}

/// The gaps of the best codes of these samples.
void AmpBatch::bound_gaps(std::vector<std::uint32_t>& asked) {
  std::vector<Evaluation> at;
  std::size_t largest = 0;
  for (const std::uint32_t i : asked) {
    at.push_back(evaluate(samples_[i], samples_[i].best));
    largest = std::max(largest, samples_[i].best.atoms.size());
  }
  const ConstMatrix32 left{residuals_.data(), batch_.count(), dictionary_.dims(), stride_};
  std::vector<double> strongest;
  strongest_correlations(scorer_, dictionary_, left, asked, at, largest + kSpare, execution_, strongest,
                         scorer_.last_rung());
  if (execution_.cancelled()) return;
  for (std::size_t p = 0; p < asked.size(); ++p) {
    Sample& sample = samples_[asked[p]];
    sample.gap = relative_gap(at[p], sample.best_lambda, 0, strongest[p]);
  }
}

void AmpBatch::finish(Sample& sample) {
  std::vector<std::pair<std::uint32_t, float>> codes;
  for (std::size_t k = 0; k < sample.best.atoms.size(); ++k)
    codes.emplace_back(sample.best.atoms[k], static_cast<float>(sample.best.values[k]));
  const Evaluation at = evaluate(sample, sample.best);
  SampleResult& result = out_[sample.slot];
  result.gap = sample.gap;
  result.iterations = sample.rounds;
  result.outcome = sample.outcome;
  result.lambda = batch_.lambda_from_scaled(sample.slot, sample.best_lambda);
  batch_.finish(sample.slot, codes, at.objective(sample.best_lambda, 0), at.squared_residual, result);
}

Status AmpBatch::run() {
  ActiveSamples active(samples_.size(), kBlock, execution_);
  std::vector<std::uint32_t> asked;
  for (std::uint32_t i = 0; i < samples_.size(); ++i) {
    Sample& sample = samples_[i];
    sample.slot = i;
    std::copy(batch_.samples().row(i), batch_.samples().row(i) + stride_, z(sample));
    set_threshold(sample);
    sample.best_lambda = options_.lambda.empty() ? sample.threshold : batch_.lambda(i);
    sample.objective = 0.5 * batch_.squared_norm(i);
    if (batch_.squared_norm(i) == 0) {
      sample.done = true;
      sample.gap = 0;
    }
  }
  std::vector<std::vector<product::Entry>> rows;
  std::vector<float> floors;
  for (;;) {
    active.drop([&](std::uint32_t i) { return samples_[i].done; });
    if (active.empty()) break;
    floors.resize(active.size());
    for (std::size_t p = 0; p < active.size(); ++p)
      floors[p] = std::nextafter(static_cast<float>(samples_[active[p]].threshold), 0.0f);
    const ConstMatrix32 left{z_.data(), batch_.count(), dictionary_.dims(), stride_};
    Status status = scorer_.computed_above(left, active.samples(), floors.data(), rows, execution_);
    if (!status.ok()) return status;
    active.for_each([&](std::uint32_t i, std::size_t position) { step(samples_[i], rows[position]); });
    if (execution_.cancelled()) return Status::cancelled();
    asked.clear();
    for (const std::uint32_t i : active.samples())
      if (samples_[i].asks && !samples_[i].done) asked.push_back(i);
    if (!asked.empty()) bound_gaps(asked);
    if (execution_.cancelled()) return Status::cancelled();
    for (const std::uint32_t i : asked) {
      Sample& sample = samples_[i];
      if (sample.gap <= options_.tolerance) {
        sample.done = true;
      } else if (sample.rounds >= rounds_) {
        sample.outcome = Outcome::iterations;
        sample.done = true;
      }
    }
  }
  asked.clear();
  for (std::uint32_t i = 0; i < samples_.size(); ++i)
    if (samples_[i].outcome != Outcome::converged && samples_[i].best_lambda > 0) asked.push_back(i);
  if (!asked.empty()) bound_gaps(asked);
  if (execution_.cancelled()) return Status::cancelled();
  for (Sample& sample : samples_) finish(sample);
  return {};
}

}  // namespace

Status MessagePassing::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  Status status = check_dims(samples, dictionary);
  if (status.ok() && !lambda.empty()) status = check_lambda(lambda, samples.rows);
  if (status.ok() && lambda.empty() && !(threshold_factor > 0))
    status = Status::fail(Code::option, "amp needs lambda or thresholdFactor");
  return status;
}

BatchSolver MessagePassing::start(const Dictionary& dictionary, std::size_t,
                                  const Execution& execution) const {
  return [&, this](const ScaledBatch& batch, std::size_t, std::vector<SampleResult>& out) {
    return AmpBatch(batch, dictionary, *this, execution, out).run();
  };
}

}  // namespace unsuperpose
