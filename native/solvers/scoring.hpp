// Scores of all atoms against a batch of residuals, in the cheapest precision whose error bound still tells what
// matters (kernels/product/precision.hpp). A scoring may be wrong by the bound that comes with it, never by more.
#pragma once
#include <cstdint>
#include <vector>

#include "../kernels/product/product.hpp"
#include "../scoring/dictionary.hpp"

namespace unsuperpose {

/// One residual to be scored.
struct ScoreRequest {
  std::uint32_t row;  // of the residuals
  double norm;        // its norm, or a little more
  double threshold;   // the strength that decides
  std::uint8_t rung;  // in: where to start on the ladder; out: where it was scored
  bool rough;         // is any error bound good enough?
};

/// What a scoring found of one residual.
struct Scored {
  const product::Entry* entries =
      nullptr;  // strongest first; strength = |value|/w_j, or value/w_j when nonnegative
  std::size_t count = 0;
  bool full = false;  // more may have passed the floor: none stronger than the last
  double error = 0;   // of every strength, listed or not
  double floor = 0;   // what is not listed though there was room has at most this strength, error included
};

class Scorer {
 public:
  /// `weights` empty or one a feature. All must outlive the scorer.
  Scorer(const Dictionary& dictionary, const std::vector<float>& weights, bool nonnegative);

  /// Precisions to choose from; rung 0 is the cheapest, the last is float32.
  std::size_t rungs() const { return ladder_.size(); }

  /// Scores residuals.row(requests[i].row) for all i, listing at most `capacity` entries each whose strength may exceed the
  /// threshold. Results are valid until the next call. Nothing is valid if the call was cancelled.
  void score(ConstMatrix32 residuals, std::vector<ScoreRequest>& requests, std::size_t capacity,
             const Execution& execution);
  Scored operator[](std::size_t request) const { return found_[request]; }

 private:
  struct Rung {
    product::Precision precision;
    double norm;   // max ‖d_j‖/w_j
    double error;  // max ‖d_j − d̂_j‖/w_j
  };
  Rung measure(product::Precision precision) const;
  double error_of(const Rung& rung, double norm, double error) const;

  const Dictionary& dictionary_;
  const std::vector<float>& weights_;
  const bool nonnegative_;
  double largest_scale_ = 1;  // 1/w_j
  std::vector<float> scale_;  // 1/w_j, empty for unit weights
  std::vector<Rung> ladder_;

  product::RoundedRows rounded_;
  std::vector<product::Selection> selections_;  // one a rung
  std::vector<Scored> found_;
};

}  // namespace unsuperpose
