// A sparse autoencoder, or transcoder, ready to be used:
//   x' = n(x) − b_dec                        only where the bias is subtracted; n normalises (below)
//   h_j = w_j·x' + b_j                       one encoder row w_j and bias a feature
//   a = activation(h)                        sparse codes, ≥ 0
//   ŷ = n⁻¹(Σ_j a_j d_j + b_dec) + S·x       decoder rows d_j; S only where there is a skip connection
//
//   relu       a = max(h, 0)
//   top_k      the k largest of max(h, 0), ties by lower index (Gao et al. 2024, arXiv 2406.04093)
//   threshold  a = max(h, 0) where h > θ_j, strictly (JumpReLU: Rajamanoharan et al. 2024, arXiv 2407.14435; a trained BatchTopK with one θ)
//   matching_pursuit   no encoder: x' is pursued with the decoder's rows, k steps, values of a feature added up (solvers/matching_steps.hpp)
//   gated      a = max(e^{r_j}·w_j·x' + m_j, 0) where h > 0 (Rajamanoharan et al. 2024, arXiv 2404.16014)
//
// Which features are active is decided by float64 sums of exact products of the float32 parameters; values are these sums, rounded.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"

namespace unsuperpose {

enum class Activation : std::uint8_t { relu, top_k, threshold, gated, matching_pursuit };

/// What is done to each sample before, and undone after.
enum class InputNorm : std::uint8_t {
  none,
  constant,  // x·√dims/‖x‖; back by ‖x‖/√dims
  layer,     // (x − mean)/(σ + 1e-5), σ with dims − 1; back by ·σ + mean
};

struct AutoencoderParameters {
  Activation activation = Activation::relu;
  InputNorm norm = InputNorm::none;
  bool subtract_bias = true;  // inputs = outputs then
  std::size_t features = 0, inputs = 0, outputs = 0;
  std::size_t k = 0;            // top_k; matching_pursuit: most steps
  double residual = 0;          // matching_pursuit: a step that leaves no more than this is the last
  bool stop_on_repeat = false;  // matching_pursuit: a feature that comes again is the last step
  std::vector<float> encoder, encoder_bias;      // features × inputs, features; none with matching_pursuit
  std::vector<float> decoder, decoder_bias;      // features × outputs, outputs
  std::vector<float> skip;                       // outputs × inputs, or empty
  std::vector<float> threshold;                  // features: threshold
  std::vector<float> log_scale, magnitude_bias;  // features: gated
};

/// Immutable, so that calls may share it.
class Autoencoder {
 public:
  /// ERR_SHAPE where sizes do not fit, ERR_NOT_FINITE naming the tensor.
  static Status make(AutoencoderParameters parameters, std::shared_ptr<const Autoencoder>& out);

  const AutoencoderParameters& parameters() const { return parameters_; }
  std::size_t bytes() const;

  /// x: samples × inputs, finite. Progress counts samples.
  Status encode(ConstMatrix32 x, const Execution& execution, SparseCodes& out) const;
  /// ŷ: samples × outputs, for codes over the features. x is read where needs_input() only.
  void decode(const SparseCodes& codes, ConstMatrix32 x, const Execution& execution, Matrix32 out) const;
  /// Does decode() ask for the samples themselves?
  bool needs_input() const { return !parameters_.skip.empty() || parameters_.norm != InputNorm::none; }

 private:
  Status encode_some(ConstMatrix32 x, std::size_t first, const Execution& execution, SparseCodes& out) const;

  AutoencoderParameters parameters_;
  /// rows [w_j, b_j/c] or [w_j, b_j/c, −θ_j/c]: scored against [x', c] or [x', c, c]; d_j with matching_pursuit
  std::shared_ptr<const Dictionary> encoder_;
  float constant_ = 1;  // c, a power of two
};

}  // namespace unsuperpose
