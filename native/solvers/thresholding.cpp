// Methods that keep the k largest of many codes at a time, H_k(v) being v with all but its k largest entries set to zero
// (nonnegative: its k largest positive ones), g = D(x − aD):
//  - iht: normalised iterative hard thresholding (Blumensath & Davies 2010): a ← H_k(a + μg), μ = ‖g_I‖²/‖g_I D_I‖², made smaller
//    where the support changes and μ > (1 − c)‖a⁺ − a‖²/‖(a⁺ − a)D‖²;
//  - htp: hard thresholding pursuit (Foucart 2011): least squares on the support of H_k(a + μg), with a constant μ, and
//    nhtp, the same with the μ of the above on the support (Foucart calls it NHTP);
//  - cosamp (Needell & Tropp 2009): least squares on the support and the 2k largest of g, of which the k largest stay.
#include <algorithm>
#include <bit>
#include <cmath>

#include "greedy.hpp"
#include "thresholding.hpp"

namespace unsuperpose {

namespace {

constexpr std::uint32_t kDefaultRounds = 500;
/// The constants of Blumensath & Davies' step size rule.
constexpr double kMargin = 0.01, kShrink = 2;
constexpr int kMostShrinks = 60;
/// Rounds without a better residual before a sample has cycled.
constexpr std::uint32_t kPatience = 3;
/// A residual that has grown to this many times ‖x‖ is not coming back.
constexpr double kDiverged = 1e3;

using Kind = HardThresholding::Kind;

class Thresholding final : public GreedyBatch {
 public:
  Thresholding(const ScaledBatch& batch, const Dictionary& dictionary, const HardThresholding& method,
               std::size_t first, const Execution& execution, std::vector<SampleResult>& out)
      : GreedyBatch(batch, dictionary, method, first, execution, out),
        method_(method),
        idle_(batch.count()),
        met_(batch.count()),
        moved_(batch.count()) {}

 private:
  // Of the strongest by |g| those outside the support count: 2k (cosamp) of them, or k, and k may lie inside.
  std::size_t listed() const override {
    std::size_t most = 0;
    for (const std::uint32_t k : options_.sparsity) most = std::max<std::size_t>(most, k);
    return 3 * most;
  }

  double strength(double v) const { return options_.nonnegative ? v : std::fabs(v); }

  /// H_k; ties by lower index.
  SparseCode largest(const SparseCode& code, std::size_t k) const {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < code.atoms.size(); ++i)
      if (strength(code.values[i]) > 0) order.push_back(i);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const double left = strength(code.values[a]), right = strength(code.values[b]);
      return left > right || (left == right && a < b);
    });
    if (order.size() > k) order.resize(k);
    std::sort(order.begin(), order.end());
    SparseCode kept;
    for (const std::size_t i : order) {
      kept.atoms.push_back(code.atoms[i]);
      kept.values.push_back(code.values[i]);
    }
    return kept;
  }

  /// a + μg on the support and the listed atoms
  SparseCode moved(const GreedySample& sample, std::span<const product::Entry> entries, double length) const {
    SparseCode code = sample.code;
    for (std::size_t i = 0; i < code.atoms.size(); ++i)
      code.values[i] += length * dot(code.atoms[i], residual(sample));
    for (const product::Entry& entry : entries)
      if (!sample.code.has(entry.index)) code.add(entry.index, length * entry.value);
    return code;
  }

  /// μ = ‖g_I‖²/‖g_I D_I‖² on the support, or on the k strongest atoms of an empty one
  double step_length(const GreedySample& sample, std::span<const product::Entry> entries) const {
    std::vector<std::uint32_t> atoms = sample.code.atoms;
    if (atoms.empty())
      for (std::size_t e = 0; e < std::min(entries.size(), sparsity(sample)); ++e)
        atoms.push_back(entries[e].index);
    std::vector<double> gradient, direction;
    double squared = 0;
    for (const std::uint32_t j : atoms) {
      gradient.push_back(dot(j, residual(sample)));
      squared += gradient.back() * gradient.back();
    }
    const double image = combine(atoms, gradient, direction);
    return image > 0 ? squared / image : 0;
  }

  SparseCode hard_threshold(GreedySample& sample, std::span<const product::Entry> entries) const {
    double length = method_.kind == Kind::htp ? method_.step_size : step_length(sample, entries);
    SparseCode next = largest(moved(sample, entries, length), sparsity(sample));
    if (method_.kind == Kind::htp || method_.kind == Kind::nhtp) return least_squares(sample, next.atoms);
    for (int shrinks = 0;
         shrinks < kMostShrinks && !sample.code.atoms.empty() && next.atoms != sample.code.atoms; ++shrinks) {
      SparseCode change = next;
      for (std::size_t i = 0; i < sample.code.atoms.size(); ++i)
        change.add(sample.code.atoms[i], -sample.code.values[i]);
      double squared = 0;
      for (const double v : change.values) squared += v * v;
      std::vector<double> direction;
      const double image = combine(change.atoms, change.values, direction);
      if (!(image > 0) || length <= (1 - kMargin) * squared / image) break;
      length /= kShrink * (1 - kMargin);
      next = largest(moved(sample, entries, length), sparsity(sample));
    }
    return next;
  }

  /// With a constant step the next support follows from the last alone: one met before comes again for ever. The one of
  /// round 1, 2, 4, 8, … is kept to compare with (Brent 1980).
  bool cycles(const GreedySample& sample) {
    std::vector<std::uint32_t>& met = met_[sample.slot];
    if (!met.empty() && met == sample.code.atoms) return true;
    if (std::has_single_bit(sample.rounds)) {
      met = sample.code.atoms;
      moved_[sample.slot] = 0;
    }
    return false;
  }

  SparseCode merge_and_prune(const GreedySample& sample, std::span<const product::Entry> entries) const {
    const std::size_t k = sparsity(sample);
    std::vector<std::uint32_t> atoms = sample.code.atoms;
    for (std::size_t e = 0; e < std::min(entries.size(), 2 * k); ++e)
      if (strength(entries[e].value) > 0 && !sample.code.has(entries[e].index))
        atoms.push_back(entries[e].index);
    return least_squares(sample, largest(least_squares(sample, atoms), k).atoms);
  }

  void step(GreedySample& sample, const scoring::Scored& scored) override {
    const std::span<const product::Entry> entries{scored.entries, scored.count};
    if (entries.empty() || !(strength(entries[0].value) > 0)) return end(sample, Outcome::converged);
    const SparseCode before = sample.code;
    const double squared = sample.best_squared, input = batch_.squared_norm(sample.slot);
    take(sample,
         method_.kind == Kind::cosamp ? merge_and_prune(sample, entries) : hard_threshold(sample, entries));
    if (!std::isfinite(sample.squared) || sample.squared > kDiverged * kDiverged * input)
      return end(sample, Outcome::diverged);
    if (explained(sample)) return;
    double change = 0;
    SparseCode difference = sample.code;
    for (std::size_t i = 0; i < before.atoms.size(); ++i) difference.add(before.atoms[i], -before.values[i]);
    std::vector<double> direction;
    change = combine(difference.atoms, difference.values, direction);
    const bool same = before.atoms == sample.code.atoms;
    if (same && change <= method_.tolerance * method_.tolerance * input)
      return end(sample, Outcome::converged);
    // A circle of codes that explain the same, but for the tolerance, is a place to rest.
    double& moved = moved_[sample.slot];
    moved = std::max(moved, change);
    const bool rests = moved <= method_.tolerance * method_.tolerance * input;
    const Outcome circle = rests ? Outcome::converged : Outcome::stalled;
    if (method_.kind == Kind::htp) {
      if (cycles(sample)) return end(sample, circle);
    } else {
      // Least squares on the same supports again: a cycle.
      std::uint32_t& idle = idle_[sample.slot];
      idle = sample.squared < squared ? 0 : idle + 1;
      if (idle == 0) moved = 0;
      if (idle == kPatience && method_.kind != Kind::iht) return end(sample, circle);
    }
    if (sample.rounds >= limit(kDefaultRounds)) end(sample, Outcome::iterations);
  }

  const HardThresholding& method_;
  std::vector<std::uint32_t> idle_;
  std::vector<std::vector<std::uint32_t>> met_;
  std::vector<double> moved_;  // the farthest, squared, that aD went while it may have been going round
};

}  // namespace

Status HardThresholding::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  const Status status = check_greedy(samples, dictionary);
  return status.ok() && sparsity.empty() ? Status::fail(Code::option, "sparsity is required") : status;
}

BatchSolver HardThresholding::start(const Dictionary& dictionary, std::size_t,
                                    const Execution& execution) const {
  return [&, this](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    return Thresholding(batch, dictionary, *this, first, execution, out).run();
  };
}

}  // namespace unsuperpose
