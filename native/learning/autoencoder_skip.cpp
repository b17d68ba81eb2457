// The linear connection beside an autoencoder's features: dense products, which nothing is selected from.
#include "../core/cancellation.hpp"
#include "../kernels/product/product.hpp"
#include "autoencoder_pass.hpp"

namespace unsuperpose::autoencoder {

/// S·x of every sample, to where forward() looks for it.
void Pass::skip(const Weights& weights, ConstMatrix32 x, const Execution& execution) {
  Rows& out = residuals_[0];
  out.grow(x.rows);
  product::store(x, product::PackedRows(weights.skip.view()),
                 {out.data.data(), x.rows, weights.decoder.cols, out.stride}, execution);
}

/// S: −Σ residual·xᵀ, a dense product over the samples.
void Pass::gather_skip(const Weights& weights, ConstMatrix32 x, const Execution& execution,
                       Gradients& gradients) {
  const std::size_t outputs = weights.skip.count, inputs = weights.skip.cols, samples = x.rows;
  const auto mean = static_cast<float>(1.0 / static_cast<double>(samples));
  Rows left(outputs, samples), right(inputs, samples);
  for (std::size_t i = 0; i < samples; ++i) {
    cancellation::point();
    for (std::size_t d = 0; d < outputs; ++d) left.row(d)[i] = -mean * residuals_[0].row(i)[d];
    for (std::size_t d = 0; d < inputs; ++d) right.row(d)[i] = x.row(i)[d];
  }
  product::store(left.view(), product::PackedRows(right.view()),
                 {gradients.skip.data.data(), outputs, inputs, gradients.skip.stride}, execution);
}

}  // namespace unsuperpose::autoencoder
