#include "knots.hpp"

#include <algorithm>
#include <cmath>

#include "path_end.hpp"
#include "review.hpp"

namespace unsuperpose {

namespace {

constexpr std::size_t kBatch = 512;
/// Products of candidates that all paths of a call may keep between knots; beyond that they are computed again.
constexpr std::size_t kKeptBytes = std::size_t{256} << 20;

/// One step of each sample. The segment below a knot is followed on the candidates to its next knot, and a pass over all
/// atoms there proves it or names those that came in before: correlations are linear on the segment, so an atom
/// that is within its bound at both ends is so in between.
class KnotBatch final : public PathBatch {
 public:
  using PathBatch::PathBatch;

 private:
  double end(const PathSample& sample) const { return batch_.lambda(sample.slot); }
  double first_threshold(const PathSample& sample) const override { return end(sample); }

  void begin(PathSample& sample) override {
    if (sample.knots == 0) return PathBatch::begin(sample);
    sample.candidates.set_sample(batch_.samples().row(sample.slot));
    solve(sample);
  }

  void solve(PathSample& sample) override {
    LassoPath path(sample.candidates, options_.nonnegative, options_.ridge);
    LassoPath::Event event;
    if (sample.knots == 0) {
      event = path.next();
    } else {
      path.resume(sample.lambda, sample.active, sample.signs);
      for (event = path.next(); path.here(event); event = path.next()) path.apply(event);
      sample.active = path.active();
      sample.signs = path.signs();
    }
    next_[sample.slot] = std::max(event.lambda, end(sample));
    take_codes(sample, path, next_[sample.slot]);
    ask_residual(sample, path, next_[sample.slot]);
    // Atoms that are not far off will come in at one of the next knots.
    sample.question.floor = end(sample);
  }

  double lambda_of(const PathSample& sample) const {
    return sample.candidates.size() > 0 ? next_[sample.slot] : end(sample);
  }
  double gap(const PathSample& sample, double strongest) const {
    const double rounding = kOrthogonal * std::sqrt(sample.at.squared_input) * screening_.largest();
    if (lambda_of(sample) == 0 && strongest <= rounding) return least_squares_gap(sample.at, options_.ridge);
    return relative_gap(sample.at, lambda_of(sample), options_.ridge, strongest);
  }
  bool settled(const PathSample& sample, double strongest) const override {
    return gap(sample, strongest) <= options_.tolerance;
  }

  void conclude(PathSample& sample, double strongest) override {
    const double lambda = lambda_of(sample);
    sample.lambda = lambda;
    sample.outcome = Outcome::converged;
    if (lambda == 0) strongest = strongest_exactly(sample);
    sample.gap = gap(sample, strongest);
    if (sample.gap > options_.tolerance) sample.outcome = Outcome::stalled;
    out_[sample.slot] = {};
    out_[sample.slot].iterations = sample.knots++;
    finish(sample, sample.at.objective(lambda, options_.ridge));
  }

  std::vector<double> next_ = std::vector<double>(batch_.count());
};

}  // namespace

KnotPath::KnotPath(const Samples& samples, std::shared_ptr<const Dictionary> dictionary, Homotopy options)
    : samples_(samples), dictionary_(std::move(dictionary)), options_(std::move(options)) {}

bool KnotPath::ended() const {
  if (paths_.empty()) return samples_.rows() == 0;
  for (std::size_t b = 0; b < paths_.size(); ++b) {
    for (const PathSample& sample : paths_[b]) {
      const std::size_t i = b * kBatch + sample.slot;
      const double end = per_sample<double>(options_.lambda, i);
      if (answers_[b][sample.slot].lambda > end) return false;
    }
  }
  return true;
}

Status KnotPath::next(const Execution& execution, Unfolding& out) {
  if (Status status = options_.check(samples_.high, *dictionary_); !status.ok()) return status;
  execution.set_total(samples_.rows());
  out = {};
  out.codes.indptr.push_back(0);
  out.float64 = options_.float64;
  const bool starts = paths_.empty();
  if (starts) {
    Status status = Range::make(*dictionary_, options_.weights, options_.scaling(), range_);
    if (!status.ok()) return status;
    solved_ = range_.ordinary() ? options_ : *rescaled_of(options_, range_);
  }
  const Dictionary& atoms = range_.dictionary ? *range_.dictionary : *dictionary_;
  std::size_t kept = 0;
  Variance variance;
  for (std::size_t first = 0; first < samples_.rows(); first += kBatch) {
    const std::size_t b = first / kBatch, count = std::min(kBatch, samples_.rows() - first);
    const ScaledBatch batch(samples_.slice(first, count), options_.lambda, first,
                            range_.ordinary() ? nullptr : &range_);
    if (starts) {
      paths_.emplace_back(count);
      answers_.emplace_back(count);
      for (std::size_t i = 0; i < count; ++i) paths_[b][i].slot = static_cast<std::uint32_t>(i);
    }
    std::size_t over = 0;
    for (PathSample& sample : paths_[b]) {
      sample.done = !starts && sample.lambda <= batch.lambda(sample.slot);
      over += sample.done;
    }
    execution.advance(over);
    KnotBatch step(batch, atoms, solved_, first, execution, answers_[b]);
    if (Status status = step.proceed(paths_[b]); !status.ok()) return status;
    for (PathSample& sample : paths_[b]) {
      if (sample.lambda <= batch.lambda(sample.slot)) sample.candidates = Candidates();
      kept += sample.candidates.bytes();
      if (kept > kKeptBytes) sample.candidates.release();
    }
    variance.add(samples_.slice(first, count));
    Status status = review(samples_.slice(first, count), *dictionary_, options_, first, execution,
                           answers_[b], true, range_.clamped);
    if (status.ok()) status = append(batch, answers_[b], true, out);
    if (!status.ok()) return status;
  }
  out.variance = variance.value();
  return {};
}

}  // namespace unsuperpose
