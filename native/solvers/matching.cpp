// Matching pursuit and gradient pursuit: cheaper cousins of orthogonal matching pursuit. Each round the atom that is
// most correlated with the residual (as if all atoms had norm 1) moves the code:
//  - matching pursuit (Mallat & Zhang 1993): along that atom alone, a_j += d_j·r/‖d_j‖², so the energy falls by exactly
//    (d_j·r)²/‖d_j‖²;
//  - gradient pursuit (Blumensath & Davies 2008): it joins the support I, and the code moves along the gradient g = D_I r by
//    the best step, a_I += αg, α = (r·gD)/‖gD‖².
// Nonnegative: only atoms with d_j·r > 0 are chosen, and a step ends where a code would become negative.
#include <cmath>

#include "greedy.hpp"
#include "matching.hpp"

namespace unsuperpose {

namespace {

/// A step that takes less than this share of the energy is lost in its rounding.
constexpr double kLost = 0x1.0p-48;
/// Rounds for each atom that is wanted, before a sample is given up.
constexpr std::uint32_t kRoundsPerAtom = 20;

class Matching final : public GreedyBatch {
 public:
  Matching(const ScaledBatch& batch, const Dictionary& dictionary, const MatchingPursuit& method,
           std::size_t first, const Execution& execution, std::vector<SampleResult>& out)
      : GreedyBatch(batch, dictionary, method, first, execution, out), gradient_(method.gradient) {}

 private:
  std::size_t listed() const override { return 1; }
  bool by_norm() const override { return true; }

  void step(GreedySample& sample, const scoring::Scored& scored) override {
    const std::size_t most = sparsity(sample);
    const std::uint32_t rounds = limit(kRoundsPerAtom * static_cast<std::uint32_t>(most));
    // Without a sparsity, to run out of atoms before the residual that was asked for is no success.
    const bool missed = options_.residual > 0 && options_.sparsity.empty();
    const Best best = strongest(sample, scored);
    const std::uint32_t j = best.atom;
    if (j == kNone) return end(sample, options_.residual > 0 ? Outcome::stalled : Outcome::converged);
    const double norm = dictionary_.norm(j), length = best.product / (norm * norm);
    if (sample.code.atoms.size() == most) {
      // One atom more would be needed, or nothing is to be gained with these.
      if (!sample.code.has(j)) return end(sample, missed ? Outcome::iterations : Outcome::converged);
      if (best.product * length <= kLost * sample.squared)
        return end(sample, options_.residual > 0 ? Outcome::stalled : Outcome::converged);
    }
    SparseCode next = sample.code;
    if (gradient_)
      move(best, next);
    else
      next.add(j, length);
    take(sample, std::move(next));
    if (explained(sample)) return;
    if (sample.rounds >= rounds) end(sample, Outcome::iterations);
  }

  void move(const Best& best, SparseCode& code) const {
    code.add(best.atom, 0);
    const std::size_t n = code.atoms.size();
    std::vector<double> gradient(n), direction;
    for (std::size_t k = 0; k < n; ++k) {
      gradient[k] = dot(code.atoms[k], best);
      if (options_.nonnegative && code.values[k] == 0 && gradient[k] < 0) gradient[k] = 0;
    }
    const double squared = combine(code.atoms, gradient, direction);
    if (!(squared > 0)) return;
    double along = 0;
    for (std::size_t d = 0; d < direction.size(); ++d) {
      const double low = best.low.empty() ? 0 : static_cast<double>(best.low[d]);
      along += direction[d] * (static_cast<double>(best.residual[d]) + low);
    }
    double length = along / squared;
    std::size_t first = n;
    for (std::size_t k = 0; k < n && options_.nonnegative; ++k)
      if (gradient[k] < 0 && -code.values[k] / gradient[k] < length) {
        length = -code.values[k] / gradient[k];
        first = k;
      }
    for (std::size_t k = 0; k < n; ++k)
      code.values[k] = k == first ? 0 : code.values[k] + length * gradient[k];
  }

  const bool gradient_;
};

}  // namespace

Status MatchingPursuit::check(ConstMatrix32 samples, const Dictionary& dictionary) const {
  return check_greedy(samples, dictionary);
}

BatchSolver MatchingPursuit::start(const Dictionary& dictionary, std::size_t,
                                   const Execution& execution) const {
  return [&, this](const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
    return Matching(batch, dictionary, *this, first, execution, out).run();
  };
}

}  // namespace unsuperpose
