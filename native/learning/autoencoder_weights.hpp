// What training keeps of an autoencoder's parameters, their gradients, and what a batch comes to.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/view.hpp"
#include "../scoring/mutable_dictionary.hpp"
#include "autoencoder_learner.hpp"
#include "padded_rows.hpp"

namespace unsuperpose::autoencoder {

using Rows = PaddedRows;

/// Rows of the encoder: w_j, b_j and, where features have thresholds, what is taken from h_j to select. They score [x', 1] or [x', 1, 1].
/// Of a matching pursuit they are the decoder's, and there are no others.
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

}  // namespace unsuperpose::autoencoder
