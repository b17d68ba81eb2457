// Steps of training an autoencoder through the module's table.
#pragma once
#include "table.hpp"
#include "train_problem.hpp"

namespace training {

inline UnsuperposeCudaTraining options_of(const Problem& p) {
  UnsuperposeCudaTraining training{};
  training.architecture = p.architecture;
  training.bandwidth = static_cast<double>(kBandwidth);
  training.target_l0 = p.target_l0;
  training.subtract_bias = !p.transcoder;
  training.aligned = p.aligned;
  training.features = p.features;
  training.inputs = p.inputs;
  training.outputs = p.outputs;
  training.dead_after = kDeadAfter;
  training.auxiliary_k = p.auxiliary_k;
  training.auxiliary = p.jumps() ? 0 : 1;
  training.clip = p.clip;
  return training;
}

inline UnsuperposeCudaStep step_of(const Problem& p, const std::vector<float>& input,
                                   const std::vector<float>& target, std::uint64_t number) {
  UnsuperposeCudaStep step{};
  step.samples = {input.data(), p.inputs, p.samples, p.inputs, nullptr};
  if (p.transcoder) step.targets = {target.data(), p.outputs, p.samples, p.outputs, nullptr};
  step.input_scale = kInputScale;
  step.target_scale = p.transcoder ? kOtherScale : kTargetScale;
  step.number = number;
  step.k = p.k;
  step.lambda = kLambda;
  step.rate = kRate;
  step.beta1 = kBeta1;
  step.beta2 = kBeta2;
  step.correction = kCorrection;
  step.epsilon = kEpsilon;
  return step;
}

/// A trainer that begins with `state`.
inline UnsuperposeCudaTrainer* opened(const Problem& p, State& state) {
  UnsuperposeCudaError error;
  UnsuperposeCudaTrainer* trainer = nullptr;
  const UnsuperposeCudaTraining training = options_of(p);
  require(table.trainer_open(0, &training, &trainer, &error), error);
  UnsuperposeCudaTrained view = state.view();
  require(table.trainer_write(trainer, &view, &error), error);
  return trainer;
}

/// What it has come to.
inline void read(UnsuperposeCudaTrainer* trainer, const Problem& p, State& state) {
  UnsuperposeCudaError error;
  state.dead.resize(p.features);
  UnsuperposeCudaTrained view = state.view();
  require(table.trainer_read(trainer, &view, &error), error);
  state.dead.resize(view.dead_count);
}

/// `steps` of them from `state` on; the last one's report, and the mean of its targets.
inline UnsuperposeCudaReport train(const Problem& p, State& state, const std::vector<float>& input,
                                   const std::vector<float>& target, std::uint64_t steps,
                                   std::vector<double>& mean) {
  UnsuperposeCudaError error;
  UnsuperposeCudaTrainer* const trainer = opened(p, state);
  UnsuperposeCudaReport report{};
  mean.assign(p.outputs, 0);
  report.target_mean = mean.data();
  for (std::uint64_t number = kStep; number < kStep + steps; ++number) {
    const UnsuperposeCudaStep step = step_of(p, input, target, number);
    require(table.trainer_step(trainer, &step, &report, &error), error);
    EXPECT(report.number == (number == kStep ? 0 : number - 1));
  }
  require(table.trainer_settle(trainer, &report, &error), error);
  EXPECT(report.number == kStep + steps - 1);
  read(trainer, p, state);
  table.trainer_close(trainer);
  return report;
}

}  // namespace training
