// One batch through an autoencoder and back: what training keeps of the parameters, and their gradients.
//
// Everything after the selection is done by entries, the pairs of a sample and a feature that is active for it: by samples as long
// as residuals are made, then by features, whose gradients are sums over their samples in ascending order.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/mutable_dictionary.hpp"
#include "autoencoder_learner.hpp"

namespace unsuperpose::autoencoder {

/// Rows of floats, padded with zeros to whole cache lines.
struct Rows {
  AlignedBuffer<float> data;
  std::size_t count = 0, cols = 0, stride = 0;

  Rows() = default;
  Rows(std::size_t count_, std::size_t cols_)
      : count(count_), cols(cols_), stride(round_up(cols_, kCacheLine / sizeof(float))) {
    data = AlignedBuffer<float>::zeros(count * stride);
  }
  /// At least so many rows; what they hold is anything but the padding, which is zero.
  void grow(std::size_t rows) {
    if (rows * stride > data.size()) data = AlignedBuffer<float>::zeros(rows * stride);
    count = rows;
  }
  float* row(std::size_t i) const { return data.data() + i * stride; }
  ConstMatrix32 view() const { return {data.data(), count, cols, stride}; }
};

/// Rows of the encoder: w_j, b_j and, where features have thresholds, what is taken from h_j to select. They score [x', 1] or [x', 1, 1].
struct Weights {
  Weights(std::size_t inputs, std::size_t outputs, const AutoencoderOptions& options);

  std::size_t inputs;
  MutableDictionary encoder;
  Rows decoder, decoder_bias, threshold, log_scale, magnitude_bias,
      skip;  // those that there are; vectors are one row
};

/// One in place of each weight.
struct Gradients {
  explicit Gradients(const Weights& weights);
  Rows encoder, decoder, decoder_bias, threshold, log_scale, magnitude_bias, skip;
};

/// What a batch came to, besides gradients.
struct Outcome {
  double loss = 0;              // as AutoencoderLearner has it, in the units of the batch; mean a sample
  double squared_residual = 0;  // Σ over samples of ‖y − ŷ‖²
  double weakest = 0;           // smallest activation kept
  std::uint64_t active = 0;     // entries that are not zero
};

/// Settings that change from step to step.
struct Settings {
  std::size_t k = 0;
  double lambda = 0;                                 // in the units of the batch
  double guess = 0;                                  // of the weakest activation (batch_top_k)
  const std::vector<std::uint32_t>* dead = nullptr;  // ascending
};

class Pass {
 public:
  Pass(const AutoencoderOptions& options, std::size_t outputs);

  /// x: samples × inputs, y: samples × outputs, both in the units of training.
  Status run(Weights& weights, ConstMatrix32 x, ConstMatrix32 y, const Settings& settings,
             const Execution& execution, Gradients& gradients, Outcome& out);
  /// How many samples of the last batch used each feature.
  const std::vector<std::uint32_t>& used() const { return used_; }

 private:
  /// Entries of one kind: what they multiply in the decoder and the encoder, and against which residuals.
  struct Entries {
    SparseCodes codes;                        // the values are what decodes
    std::vector<float> pull;                  // dL/dh: what x' counts for in the encoder's gradient
    std::vector<float> by_threshold;          // dL/dθ of jump_relu, dL/dm of gated features
    std::vector<float> by_scale;              // dL/dr of gated features
    std::vector<std::uint32_t> start, order;  // by feature: its entries, by ascending sample
    std::vector<std::uint32_t> sample;        // of each entry in that order
  };

  Status select(const Weights& weights, const Dictionary& encoder, const Settings& settings,
                const Execution& execution);
  void skip(const Weights& weights, ConstMatrix32 x, const Execution& execution);
  void forward(const Weights& weights, ConstMatrix32 y, const Settings& settings, const Execution& execution,
               Outcome& out);
  void backward(const Weights& weights, const Settings& settings, double step_price,
                const Execution& execution);
  Status revive(const Weights& weights, const std::vector<std::uint32_t>& dead, const Execution& execution,
                Outcome& out);
  void by_feature(Entries& entries, std::size_t features);
  void gather(const Weights& weights, const Execution& execution, Gradients& gradients);
  void gather_bias(const Weights& weights, Gradients& gradients);
  void gather_skip(const Weights& weights, ConstMatrix32 x, const Execution& execution, Gradients& gradients);
  std::size_t group_of(std::size_t feature) const;

  const AutoencoderOptions& options_;
  std::vector<std::size_t> ends_;  // of the prefixes
  Rows input_;                     // x' with the constants after it
  std::vector<Rows> residuals_;    // one a prefix; after forward() each with all longer prefixes' added
  Rows gate_residual_, dead_residual_;
  Entries active_, dead_;
  std::vector<float> gates_;  // h of gated features' entries
  std::vector<std::uint32_t> used_;
  double dead_share_ = 0;
};

}  // namespace unsuperpose::autoencoder
