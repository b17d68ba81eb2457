// Toy models of superposition (Elhage et al. 2022, "Toy Models of Superposition"): x̂ = relu(WᵀWx + b), here with W features × dims,
// so h = x·W and x̂ = relu(h·Wᵀ + b), trained by AdamW to minimise the mean over samples of
//   Σ_i I_i (x_i − x̂_i)²  +  α Σ_k |h_k|  +  β Σ_{i<j} max(0, |W_i·W_j| − τ)²
// α makes activations sparse, β makes features orthogonal (τ = 0) or bounds how much they may overlap (τ > 0).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "learner.hpp"
#include "toy_features.hpp"

namespace unsuperpose {

enum class ToySchedule { constant, linear, cosine };

struct ToyOptions {
  std::size_t features = 0, dims = 0;
  bool relu = true;
  std::size_t batch = 1024;
  std::uint64_t steps = 10000;
  double rate = 1e-3;
  ToySchedule schedule = ToySchedule::constant;
  double weight_decay = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double activation_penalty = 0;    // α
  double interference_penalty = 0;  // β
  double allowed_interference = 0;  // τ
  std::uint64_t seed = 0;
  std::size_t records = 0;  // of the loss; each is the mean over steps/records steps
};

struct ToyInstance {
  ToyFeatures features;
  std::vector<float> importance;  // one a feature
};

/// All instances one after the other. Where weights are not empty they are where training starts (bias too).
struct ToyParameters {
  std::vector<float> weights;  // features × dims
  std::vector<float> bias;
};

/// All instances of one kind of model. Draws its own samples: it is fed batches without rows.
class ToyLearner final : public LearnerOf<ToyParameters> {
 public:
  /// Starts from `initial` where that is not empty. Fails for parents that go in a circle.
  static Status make(const ToyOptions& options, std::vector<ToyInstance> instances, ToyParameters initial,
                     std::unique_ptr<ToyLearner>& out);
  ~ToyLearner() override;

  Status feed(const Batch& batch, const Execution& execution) override;
  /// `steps` steps, at most those left of the options': instances go on by themselves, in parallel. Progress counts steps
  /// of all instances.
  Status advance(std::uint64_t steps, const Execution& execution);
  /// Fails where an instance diverged.
  Status freeze(const Execution& execution, ToyParameters& out) override;
  std::vector<Figure> figures() override;
  void save(Checkpoint& to) const override;
  Status resume(const Checkpoint& from) override;

  /// instances × records, without weight decay; 0 for records that are still to come.
  std::vector<double> losses() const;

 private:
  ToyLearner();
  struct State;
  std::unique_ptr<State> state_;
};

/// Progress counts steps of all instances. losses: instances × records, without weight decay.
Status train_toy_models(const ToyOptions& options, const std::vector<ToyInstance>& instances,
                        const Execution& execution, ToyParameters& parameters, std::vector<double>& losses);

/// Loss and gradient at given samples (samples × features); `gradient` is resized.
double toy_gradient(const ToyOptions& options, const std::vector<float>& importance,
                    const ToyParameters& parameters, ConstMatrix32 samples, ToyParameters& gradient);

}  // namespace unsuperpose
