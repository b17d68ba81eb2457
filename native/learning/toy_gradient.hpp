// Loss and gradient of a toy model, a panel of samples at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../kernels/panels/panels.hpp"
#include "toy_model.hpp"

namespace unsuperpose {

class ToyGradient {
 public:
  /// `sparse`: the samples have few enough features active that their products go entry by entry.
  ToyGradient(const ToyOptions& options, const std::vector<float>& importance, bool sparse);

  /// Starts a batch of `batch` samples at these parameters, which must stay until finish().
  void begin(const float* weights, const float* bias, std::size_t batch);
  /// Whether add() reads active().
  bool sparse() const { return sparse_; }
  /// Where the next panel's samples go, features × kPanel, and which of them are not zero.
  float* x() { return samples_.data() + (sparse_ ? 0 : used_ * features_ * panels::kPanel); }
  std::uint32_t* active() { return active_.data(); }
  /// Takes the panel in x(), whose samples after the first `valid` are zero.
  void add(std::size_t valid);
  /// The loss; the gradient is then complete.
  double finish();

  const float* weights() const { return gradient_.data(); }
  const float* bias() const { return bias_gradient_.data(); }

 private:
  void fill_places(std::size_t valid, bool with_output);
  void flush();
  void add_interference();

  const panels::Table& kernels_;
  const ToyOptions& options_;
  const std::vector<float>& importance_;
  std::size_t features_, dims_;
  bool sparse_;
  std::size_t block_;  // panels that flush() takes
  const float* at_ = nullptr;
  const float* bias_at_ = nullptr;
  std::size_t batch_ = 0, used_ = 0;
  double loss_ = 0;
  AlignedBuffer<float> packed_, samples_, derivative_, hidden_, hidden_gradient_, rows_, bias_sums_, tiles_;
  AlignedBuffer<float> padded_gradient_, gradient_, bias_gradient_;
  std::vector<float> weight_;  // of the batch's errors: importance·2/batch
  std::vector<std::uint32_t> active_, places_;
};

}  // namespace unsuperpose
