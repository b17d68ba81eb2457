// What training an autoencoder keeps between steps.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/aligned.hpp"
#include "../cuda/abi.h"
#include "../kernels/adam/adam.hpp"
#include "autoencoder_learner.hpp"
#include "autoencoder_pass.hpp"

namespace unsuperpose {

namespace autoencoder {
class DeviceTrainer;  // autoencoder_device.hpp
struct DeviceReport;
}  // namespace autoencoder

struct AutoencoderLearner::State {
  /// One tensor of parameters with what Adam needs of it. Vectors are one row.
  struct Tensor {
    const char* name;
    Matrix32 values, gradient, first, second;
  };
  struct Moments {
    explicit Moments(const autoencoder::Gradients& like);
    AlignedBuffer<float> encoder, decoder, decoder_bias, threshold, log_scale, magnitude_bias, skip;
  };
  struct Sums {
    double loss = 0, squared_residual = 0, squared_apart = 0, active = 0, gradient_norm = 0;
    std::uint64_t samples = 0, steps = 0;
    std::vector<double> mean;  // of the targets; squared_apart is Σ‖y − mean‖²
  };

  AutoencoderOptions options;
  std::size_t inputs, outputs;
  autoencoder::Weights weights;
  autoencoder::Gradients gradients;
  Moments moments;
  autoencoder::Pass pass;
  autoencoder::Rows x, y;  // a batch in the units of training
  bool started = false;
  double input_scale = 1, target_scale = 1;  // units of training = these times what was given
  double power1 = 1, power2 = 1;             // β^t
  double weakest = 0,
         weakest_weight = 0;  // moving mean of the weakest activation kept, before the correction of its bias
  double guess = 0;
  std::uint64_t steps = 0, samples = 0;
  std::vector<std::uint64_t> last_used;  // the step, counted from 1; 0: never
  std::vector<std::uint64_t> usage;
  std::vector<std::uint32_t> dead;
  Sums since;
  AlignedBuffer<float> kept, kept_target;  // what the mask of a batch lets through
  /// Where there is one, it has the weights, moments and counts of features; those here are of the last fetch(), and `dead_count` is known.
  std::unique_ptr<autoencoder::DeviceTrainer> on_device;
  std::uint64_t dead_count = 0;

  State(std::size_t inputs_, std::size_t outputs_, const AutoencoderOptions& options_);
  ~State();

  /// Every tensor there is; the encoder's and the decoder's rows are features.
  std::vector<Tensor> tensors();
  void initialise(ConstMatrix32 decoder);
  void begin(ConstMatrix32 input, ConstMatrix32 target);
  /// λ and k of the next step, in the units of training.
  autoencoder::Settings settings() const;
  double rate() const;
  /// Adam's, once power1 and power2 are those of the step.
  adam::Settings adam_settings() const;
  /// What step `number` came to: sums, the weakest activation.
  void count(const autoencoder::Outcome& outcome, std::uint64_t number, std::uint64_t of);
  void observe(ConstMatrix32 target, const autoencoder::Outcome& outcome);
  Status update(const Execution& execution);
  Status step(ConstMatrix32 input, ConstMatrix32 target, const Execution& execution);

  // autoencoder_device.cpp
  UnsuperposeCudaTrained trained(bool all);
  /// Brings here what a device has; not `all`: without moments.
  void fetch(bool all);
  /// From now on steps are made there; null: here.
  void use(device::Device* device);
  void observe(const autoencoder::DeviceReport& report);
  Status step_on_device(ConstMatrix32 input, ConstMatrix32 target, const Execution& execution);
};

}  // namespace unsuperpose
