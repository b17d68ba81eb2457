// Batches of any size brought to a common one, exactly: sums over batches then neither overflow nor vanish.
#pragma once
#include "../core/aligned.hpp"
#include "../core/view.hpp"
#include "checkpoint.hpp"

namespace unsuperpose {

/// The exponent follows the largest sample norm, which is forgotten as the past is. It stays 0 for samples of ordinary size,
/// and moves only when they are far from it, so that sums seldom have to be brought along.
class CommonScale {
 public:
  /// Looks at a batch; of what came before, squares keep the share `kept`. Answers by how much the exponent rose.
  int meet(ConstMatrix32 batch, double kept);
  /// What was given in the batch's units is divided by 2^exponent().
  int exponent() const { return exponent_; }
  /// The batch so divided: itself, or a copy that is valid until the next call.
  ConstMatrix32 apply(ConstMatrix32 batch);

  void save(Checkpoint& to) const;
  /// False where there is none.
  bool resume(const Checkpoint& from);

 private:
  int exponent_ = 0;
  double largest_ = 0;  // norm
  AlignedBuffer<float> scaled_;
};

}  // namespace unsuperpose
