// One batch through an autoencoder and back.
//
// Everything after the selection is done by entries, the pairs of a sample and a feature that is active for it: by samples as long
// as residuals are made, then by features, whose gradients are sums over their samples in ascending order.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"
#include "autoencoder_pursuit.hpp"
#include "autoencoder_weights.hpp"

namespace unsuperpose::autoencoder {

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
  PursuitPass pursuit_;            // all of the work of matching_pursuit
  Rows input_;                     // x' with the constants after it
  std::vector<Rows> residuals_;    // one a prefix; after forward() each with all longer prefixes' added
  Rows gate_residual_, dead_residual_;
  Entries active_, dead_;
  std::vector<float> gates_;  // h of gated features' entries
  std::vector<std::uint32_t> used_;
  double dead_share_ = 0;
};

}  // namespace unsuperpose::autoencoder
