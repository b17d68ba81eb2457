// Training sparse autoencoders and transcoders by Adam, on batches. A sample x with its target y (y = x in an autoencoder) costs
//   ½‖y − ŷ‖² + S        (mean over a batch; matryoshka: ½‖y − ŷ‖² summed over prefixes of the features, b_dec in each)
//   relu           S = λ Σ_j a_j; decoder rows have norm 1, so this is the L1 norm weighted by ‖d_j‖
//   top_k          S = c·min(dead/k_aux, 1)·½‖e − ê‖², where e = y − ŷ is held fixed, and ê is what the k_aux strongest dead features
//                  make of it without b_dec (Gao et al. 2024, arXiv 2406.04093)
//   batch_top_k    S = 0: the k·batch largest of the batch's max(h, 0) (Bussmann et al. 2024, arXiv 2412.06410); dead features as in top_k
//   jump_relu      S = λ‖a‖₀, or λ(‖a‖₀/target − 1)² of the batch's mean; straight-through estimators of width ε for θ and the step
//                  (Rajamanoharan et al. 2024, arXiv 2407.14435), with θ itself as the parameter, kept ≥ 0
//   gated          S = λ Σ_j max(h_j, 0) + ½‖y − Σ_j max(h_j, 0) d_j − b_dec‖², D and b_dec held fixed in the latter (arXiv 2404.16014)
//   matching_pursuit   S as in top_k, with ê what k_aux steps of a pursuit with the dead features make of e. Gradients go back through
//                  all steps, the choices held fixed (Costa et al. 2025); autoencoder_pursuit.hpp
//
// Every gradient is sparse: pre-activations come from the scoring engine, which never stores them, and what decoding, its gradients
// and the encoder's cost is proportional to the active entries. Decoder rows keep norm 1: the part of their gradient along the row is
// taken out, then Adam, then normalisation.
//
// Inputs and targets are scaled to a mean norm of √dims once, from the first samples; learned parameters and figures are in the units
// that were given. λ too: samples times c with λ times c (relu, gated) or c² (jump_relu) train alike.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "autoencoder.hpp"
#include "learner.hpp"

namespace unsuperpose {

enum class Architecture : std::uint8_t { relu, top_k, batch_top_k, jump_relu, gated, matching_pursuit };

struct AutoencoderOptions {
  Architecture architecture = Architecture::batch_top_k;
  std::size_t features = 0;
  std::size_t k = 0;  // top_k, batch_top_k: active features a sample; matching_pursuit: steps
  double lambda = 0;  // relu, jump_relu, gated; 0 with target_l0: target·(mean square of a target's entry)
  double target_l0 = 0;               // jump_relu; 0: S = λ‖a‖₀
  std::vector<std::size_t> prefixes;  // ascending, the last = features; empty: none but the whole
  bool subtract_bias = true;          // is b_dec taken from the input? Only where it has the target's dims
  bool skip = false;
  bool aligned = false;  // ⟨w_j, d_j⟩ = 1 after each step
  double rate = 0;       // Adam's
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip = 1;  // of the gradient's norm, where the loss is relative to ½E‖y‖²; Infinity: none
  std::uint64_t planned = 0;           // steps that there will be; 0: unknown
  std::uint64_t warm_up = 0;           // steps in which the rate rises
  std::uint64_t sparsity_warm_up = 0;  // steps in which λ rises, or k falls from k_start
  std::size_t k_start = 0;             // 0: k
  double decay = 0.2;                  // share of the planned steps, at the end, in which the rate falls to 0
  std::uint64_t dead_after = 1000;     // steps without use
  double auxiliary = 1;                // c
  std::size_t auxiliary_k = 0;         // k_aux; 0: half the target's dims (matching_pursuit: k)
  double bandwidth = 0.5, threshold = 1;  // ε and the first θ, in units of scaled inputs
  std::uint64_t seed = 0;
};

struct AutoencoderStatistics {
  std::uint64_t steps = 0, samples = 0;  // in all
  double objective = 0;                  // all after this: means over what was fed since the last call
  double explained_variance = 0;         // 1 − Σ‖y − ŷ‖² / Σ‖y − mean‖²
  double l0 = 0;
  double gradient_norm = 0;  // before clipping, of the loss relative to ½E‖y‖²
  std::uint64_t dead = 0;    // features that no sample used in the last dead_after steps
};

class AutoencoderLearner final : public LearnerOf<AutoencoderParameters> {
 public:
  /// `decoder` (features × outputs) if it has rows: the directions to start from; otherwise random ones.
  static Status make(std::size_t inputs, std::size_t outputs, const AutoencoderOptions& options,
                     ConstMatrix32 decoder, std::unique_ptr<AutoencoderLearner>& out);
  ~AutoencoderLearner() override;

  std::size_t wants() const override;
  /// Scale and b_dec (the geometric median of the targets). Where it is not called, the first batch does.
  Status start(const Batch& first, const Execution& execution) override;
  /// ERR_OPTION naming step and tensor once training has exploded.
  Status feed(const Batch& batch, const Execution& execution) override;
  Status freeze(const Execution& execution, AutoencoderParameters& out) override;
  std::vector<Figure> figures() override;
  void save(Checkpoint& to) const override;
  Status resume(const Checkpoint& from) override;

  AutoencoderStatistics statistics();
  /// Steps in all.
  std::uint64_t steps() const;
  /// How many samples used each feature, over all steps.
  const std::vector<std::uint64_t>& usage() const;
  std::size_t bytes() const;
  /// Did a device make the last step of this object?
  bool on_device() const;

 private:
  AutoencoderLearner();
  struct State;
  std::unique_ptr<State> state_;
};

/// The loss of one batch and its gradients, for tests: parameters as given, in float32 throughout. Selection takes part as it comes.
struct AutoencoderGradient {
  double loss = 0;
  AutoencoderParameters by;  // one gradient in place of each parameter
};
Status autoencoder_gradient(const AutoencoderOptions& options, const AutoencoderParameters& at,
                            const std::vector<std::uint32_t>& dead, const Batch& batch,
                            const Execution& execution, AutoencoderGradient& out);

}  // namespace unsuperpose
