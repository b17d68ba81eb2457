// Online dictionary learning (Mairal, Bach, Ponce, Sapiro 2009, "Online dictionary learning for sparse
// coding", Algorithms 1 and 2): minimises over D the expectation of min_a ½‖x − aD‖² + λ‖a‖₁ with
// ‖d_j‖ ≤ 1, one mini-batch at a time:
//   1. a = lasso(x, D) for the batch;  2. A ← ρA + aᵀa, B ← ρB + aᵀx;
//   3. block-coordinate descent over the atoms: u = (b_j − A_j D)/A_jj + d_j, d_j = u/max(1, ‖u‖).
// What is ours beside the paper: λ starts large and falls to what was asked for (not where atoms are given to start from), the
// memory of A and B starts short and grows, and an atom waits for its update until enough about it is new (online_update.cpp).
// Atoms that no sample used for a while are replaced by samples that the dictionary explains worst, and atoms that merged two features are
// taken apart (online_exchange.cpp). Samples and λ are scaled
// to a common size by powers of two first: the same problem at any scale is learned alike.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"
#include "coding.hpp"
#include "learner.hpp"

namespace unsuperpose {

/// What the codes of a batch do to the atoms: block-coordinate descent on A and B; their least squares (online_mod.cpp); or refined atom
/// by atom with their own codes (online_ksvd.cpp).
enum class LearningMethod : std::uint8_t { online, mod, ksvd };

/// Where atoms start without `initial`: at the first samples, or at some drawn among more of them, far from one another (online_start.cpp).
enum class AtomStart : std::uint8_t { samples, apart };
/// Samples that are drawn among, a feature.
inline constexpr std::size_t kDrawnFrom = 4;

struct OnlineOptions {
  LearningMethod method = LearningMethod::online;
  std::size_t features = 0;
  Coding coding;
  /// ρ in [0, 1], what is kept of the past a step, reached as the steps grow: 1 forgets nothing in the end, 0 all (not online)
  double forgetting = 0.98;
  AtomStart start = AtomStart::samples;
  std::uint64_t seed = 0;     // of what is drawn
  std::uint64_t planned = 0;  // steps that there will be; 0: unknown
};

/// What the last steps saw; all over the batches since the previous call of statistics().
struct LearningStatistics {
  std::uint64_t steps = 0;        // in all, since the start
  std::uint64_t samples = 0;      // in all
  double objective = 0;           // mean P a sample
  double explained_variance = 0;  // 1 − Σ‖x − aD‖² / Σ‖x − mean‖²
  double l0 = 0;                  // mean number of active atoms a sample
  std::uint64_t replaced = 0;     // atoms replaced, in all
};

/// Where the time of all steps went; no figure, as it is never the same twice.
struct LearningSeconds {
  double packing = 0;     // norms and packed copies of the atoms that changed
  double codes = 0;       // the lasso
  double statistics = 0;  // A, B and the figures
  double update = 0;      // of the atoms
};

class OnlineLearner final : public LearnerOf<std::shared_ptr<const Dictionary>> {
 public:
  /// The atoms start from `initial` (features × dims) if it has rows; otherwise from the first samples seen.
  static Status make(std::size_t dims, const OnlineOptions& options, ConstMatrix32 initial,
                     std::unique_ptr<OnlineLearner>& out);
  ~OnlineLearner() override;

  std::size_t wants() const override;
  Status start(const Batch& first, const Execution& execution) override;
  Status feed(const Batch& batch, const Execution& execution) override;
  /// features × dims; atoms that no sample has started yet are zero.
  Status freeze(const Execution& execution, std::shared_ptr<const Dictionary>& out) override;
  std::vector<Figure> figures() override;
  void save(Checkpoint& to) const override;
  Status resume(const Checkpoint& from) override;

  /// The same as figures().
  LearningStatistics statistics();
  /// Steps in all.
  std::uint64_t steps() const;
  const LearningSeconds& seconds() const;
  /// How often each atom was active, over all samples so far: one count a feature.
  const std::vector<double>& usage() const;
  /// The atoms that no sample has used since they were made, ascending.
  std::vector<std::uint32_t> dead() const;
  /// Has a device made codes of a step? Not what a checkpoint tells of other runs.
  bool used_device() const;
  /// Had a device no room for A and B, so that they were updated here?
  bool lacked_room() const;

 private:
  OnlineLearner();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace unsuperpose
