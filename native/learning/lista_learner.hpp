// Training unrolled networks (lista.hpp) by Adam, end to end or layer after layer, with validation. The loss of a sample, in the network's
// units (x' = scale·x, unit atoms, so code j counts times ‖d_j‖), a the codes after the last trained layer:
//   supervised     ½‖a − a*‖², a* the true codes; figures are NMSE in dB, 10·log10(Σ‖a − a*‖²/Σ‖a*‖²)
//   unsupervised   ½‖x' − aD̂‖² + Σ_j λ_j|a_j|, λ_j = scale·λ/‖d_j‖: the LASSO at λ; figures are its mean relative to ½E‖x'‖²
// With `every`, the mean over all layers so far in place of the last layer's. Support selection and what is zero are held fixed; a selected
// entry has gradient 1, θ of it none.
//
// Every kind of weights begins as the same network: analytic weights, and for each layer in turn the step and threshold for which its own loss
// on the first samples is least. Layer-wise training chooses those of a new layer again, on the batch that it begins with; then its own step,
// threshold and matrices are trained (weights that all layers share with the first), then all layers so far at 0.2 and at 0.02 times the rate.
// Each of these stages ends with its best validated parameters. The three numbers of hyper are no gradients' business: a grid (every second
// point, then those around the best) on the first samples, then a pattern search, one round a batch, whose end is that of training.
//
// Gradients are sparse: a layer's product is dense forward (features × dims a sample), all else is proportional to the active entries.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "learner.hpp"
#include "lista.hpp"

namespace unsuperpose {

/// Samples that are drawn, not given: x = aD + noise, each feature active with probability `density`, values by `values`, noise white with
/// E‖noise‖² = E‖aD‖²·10^(−snr/10) over each sample's own ‖aD‖² (snr infinite: none). Sample i of batch t depends on seed, t and i alone.
enum class PriorValues : std::uint8_t {
  normal,
  uniform,
  exponential,
  one
};  // N(0,1); U[.5, 1.5]; Exp(1); 1. With nonnegative: |·|
struct ListaPrior {
  double density = 0;
  PriorValues values = PriorValues::normal;
  bool random_signs = true;  // of uniform, exponential, one
  double snr = 0;            // dB
};

enum class ListaSchedule : std::uint8_t { end_to_end, layer_wise };

struct ListaOptions {
  ListaWeights weights = ListaWeights::fixed;
  std::size_t layers = 16;
  bool nonnegative = false;
  double selection = 0, most_selected = 0;  // p_k = min(selection·(k + 1), most_selected) percent; 0: none
  double adaptive = 0;
  double ridge = 0;   // α of the analytic weights (lista.hpp)
  double lambda = 0;  // > 0: unsupervised, in the units that were given
  bool every = false;
  ListaSchedule schedule = ListaSchedule::end_to_end;
  double rate = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, clip = 1;
  double decay = 0;  // share of the planned steps, at the end, in which the rate falls to 0 (end to end)
  std::uint64_t planned = 0;          // most steps: in all (end to end), of each stage (layer-wise)
  std::uint64_t validate_every = 10;  // steps; 0: no validation
  std::uint64_t patience = 0;         // steps without a better validation until a stage ends; 0: none
  double first_threshold =
      0;  // θ of every layer at first, in the units that were given; 0: chosen from the first samples
  std::size_t batch_size = 512;  // of samples drawn from a prior
  std::uint64_t seed = 0;
  std::size_t memory = 1 << 30;  // bytes of residuals that a step may keep; beyond, they are computed again
};

struct ListaStatistics {
  std::uint64_t steps = 0, samples = 0;  // in all
  std::uint64_t stage = 0, stages = 1;   // of layer-wise training
  bool finished = false;                 // patience or planned steps are over
  double loss = 0;  // figure of the batches since the last call, after the last trained layer
  double gradient_norm = 0;
  std::vector<double> layers;     // of the same batches, the figure after each trained layer
  std::vector<double> validated;  // of the last validation, likewise; empty: none yet
  double best = 0;                // best validation of the running stage (last layer)
  std::uint64_t searched =
      0;  // while the grid of hyper is searched: points so far; loss and layers are the best one's
};

struct ListaGradient;

class ListaLearner final : public LearnerOf<ListaParameters> {
 public:
  static Status make(ConstMatrix32 dictionary, const ListaOptions& options, const ListaPrior* prior,
                     std::unique_ptr<ListaLearner>& out);
  ~ListaLearner() override;

  std::size_t wants() const override;
  /// Scale, first thresholds. Where it is not called, the first batch does.
  Status start(const Batch& first, const Execution& execution) override;
  /// Samples to validate on, with codes where supervised (rows of features); drawn where there is a prior.
  Status validate_on(ConstMatrix32 input, const SparseCodes* codes);
  /// One step; does nothing once finished. Without a prior, supervised batches come by feed_codes().
  Status feed(const Batch& batch, const Execution& execution) override;
  Status feed_codes(ConstMatrix32 input, const SparseCodes& codes, const Execution& execution);
  /// The parameters of the best validation; the last ones where there was none.
  Status freeze(const Execution& execution, ListaParameters& out) override;
  std::vector<Figure> figures() override;
  void save(Checkpoint& to) const override;
  Status resume(const Checkpoint& from) override;

  ListaStatistics statistics();
  /// Called, on the thread of the call, while a step searches the grid of hyper.
  void on_search(std::function<void()> told);
  std::uint64_t steps() const;
  bool finished() const;
  std::size_t bytes() const;

 private:
  friend Status lista_gradient(const ListaOptions& options, const ListaParameters& at, ConstMatrix32 input,
                               const SparseCodes* codes, const Execution& execution, ListaGradient& out);
  ListaLearner();
  struct State;
  std::unique_ptr<State> state_;
};

/// Loss of one batch and its gradients, for tests: parameters as given, scale taken from them.
struct ListaGradient {
  double loss = 0;
  ListaParameters by;  // one gradient in place of each of forward, recurrent, step, threshold
};
Status lista_gradient(const ListaOptions& options, const ListaParameters& at, ConstMatrix32 input,
                      const SparseCodes* codes, const Execution& execution, ListaGradient& out);

/// The samples of a prior, for tests and validation: batch `number` of `rows` samples. x: rows × dims, codes for the atoms as given.
void draw_samples(const ListaPrior& prior, bool nonnegative, ConstMatrix32 dictionary, std::uint64_t seed,
                  std::uint64_t number, std::size_t rows, const Execution& execution, std::vector<float>& x,
                  SparseCodes& codes);

}  // namespace unsuperpose
