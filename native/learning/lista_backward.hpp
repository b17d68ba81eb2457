// Losses of unrolled networks (lista_learner.hpp) and their gradients, for a batch.
//
// With a the codes after layer k, b those before it, δz the loss' gradient by z: δz = δa where a is active, selected or shrunk, and 0 elsewhere.
//   u = Σ_j δz_j W_k[j]     ∂W_k[j] = γ_k Σ_samples δz_j r     ∂γ_k = Σ_samples u·r     δb_j = δz_j − γ_k u·d̂_j, where b is active
//   pair: ∂V_k[j] = Σ_samples δz_j x'     ∂U_k[j] = Σ_samples b_j δz     δb_j = U_k[j]·δz
//   θ_j = θ_k/q, q = 1 + |b_j|/adaptive: for shrunk entries ∂θ_k = −Σ sign(a_j) δz_j/q, and δb_j has sign(a_j b_j) δz_j θ_k/(adaptive q²) besides
//
// Operations (multiply-adds a sample and layer; m dims, n features, s entries active after it, b before): forward nm + bm, backward sm (u) + bm
// (δb) + sm (∂W), where dense products would be 6nm in all; pair: forward nm + bn, backward bn (δb) + sm (∂V) + bn (∂U), of 3nm + 3n². Bytes:
// a layer's W and a batch's r are read from the second-level cache once for each block of features and of samples that fits the first.
//
// A step, generation of its samples included, relative to those dense products by product::store in the same run (n = 500, m = 250, 16 layers,
// 512 samples of 50 active features; AVX-512 Xeon, one thread, processor time, 2026-11-27, others at work):
//   support selection   pair   layers   shared   fixed
//   none                1.32    1.11      .99     .72     some 160 entries active after a layer
//   1.2 % a layer        .87     .81      .67     .56     some 75
//
// Samples are cut into the network's blocks, features into blocks of their own; sums over samples go in ascending order of them, sums over
// blocks of samples in theirs: the same bits for any number of threads. Residuals are kept from the forward pass layer by layer, from the
// first on, while `memory` lasts, and computed again beyond: the same bits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "lista_network.hpp"
#include "padded_rows.hpp"

namespace unsuperpose::lista {

using Rows = PaddedRows;

/// A batch in the network's units. `truth` has no rows where there is none.
struct Samples {
  Rows x;
  Codes truth;
};

struct Objective {
  bool every = false;
  std::vector<float> penalty;  // λ_j in the network's units; empty: supervised
};

/// One tensor in place of each that a network has: matrices of a row a feature (W or V, U), and one row a vector.
struct Tensors {
  std::vector<Rows> forward, recurrent;
  Rows step, threshold;

  Tensors() = default;
  /// Zeros of a network's shapes.
  explicit Tensors(const ListaParameters& parameters);
  const Rows& weights(std::size_t layer) const { return forward[forward.size() == 1 ? 0 : layer]; }
};

/// What is trained: of the first `depth` layers, those from `first` on; the losses are those of `depth` layers.
struct Part {
  std::size_t first = 0, depth = 0;
  bool forward = true;  // W, V, U too, not thresholds and steps alone
};

/// What a batch came to.
struct Outcome {
  double loss = 0;             // mean a sample
  std::vector<double> errors;  // after each layer: Σ‖a − a*‖², or Σ ½‖r‖² + Σ_j λ_j|a_j|
  double base = 0;             // Σ‖a*‖², or Σ ½‖x'‖²
  std::size_t overflow = 0;    // first sample that overflows float32; their number where none does
};

/// The forward and backward pass, with the memory that they use again.
class Pass {
 public:
  /// Forward alone: everything in `outcome`.
  Status measure(const Network& network, const Objective& objective, const Samples& samples,
                 std::size_t depth, const Execution& execution, Outcome& outcome);
  /// Gradients of `part` besides; others are left as they are. `weights` are the network's forward matrices in padded rows; `memory` is
  /// how many bytes of residuals may be kept. After an overflow there are no gradients.
  Status run(const Network& network, const Tensors& weights, const Objective& objective,
             const Samples& samples, const Part& part, std::size_t memory, const Execution& execution,
             Tensors& gradients, Outcome& outcome);

 private:
  struct Call {
    const Network& network;
    const Objective& objective;
    const Samples& samples;
    std::size_t depth, block, blocks;
    const Execution& execution;
    bool supervised() const { return objective.penalty.empty(); }
    ConstMatrix32 rows(const Rows& of, std::size_t b) const;
  };
  struct Block {
    Trace trace;
    std::vector<double> errors;
    double base = 0;
    std::size_t overflow = 0;
    double by_step = 0, by_threshold = 0;  // of the layer that is gone back through
  };
  /// Entries of a layer by feature, then sample.
  struct ByFeature {
    struct Entry {
      std::uint32_t at, sample;  // among the layer's entries, among the samples
    };
    std::vector<std::uint32_t> start;
    std::vector<Entry> entries;
  };

  Status forward(const Call& call, std::size_t kept, Outcome& outcome);
  void measure_block(const Call& call, std::size_t b);
  Matrix32 residual_rows(const Call& call, std::size_t layer, std::size_t b) const;
  void residual_block(const Call& call, std::size_t layer, std::size_t b) const;
  void lay_out(const Call& call, const Part& part);
  void add_loss(const Call& call, std::size_t layer, std::size_t b);
  void back(const Call& call, const Tensors& weights, const Part& part, std::size_t layer, std::size_t b);
  static double back_adaptive(const ListaParameters& at, std::size_t layer, std::size_t i, const Codes& after,
                              const Codes& before, const float* pull, float* next);
  template <class Term>
  static void add_up(const Call& call, const ByFeature& sorted, const Rows& to, bool fresh, const Term& term);
  void gather(const Call& call, std::size_t layer, Tensors& gradients);
  void gather_recurrent(const Call& call, std::size_t layer, Tensors& gradients);

  std::vector<Block> blocks_;
  std::vector<Rows> kept_;  // before layer k, k ≥ 1: kept_[k − 1]
  std::size_t kept_count_ = 0;
  Rows again_[2];                                   // of layers beyond those: by the layer's parity
  Rows delta_;                                      // δz, dense; pair only
  std::vector<std::vector<std::uint32_t>> offset_;  // where a block's entries of a layer begin
  std::vector<ByFeature> sorted_;
  std::vector<float> pull_[2];  // δz of a layer's entries, by the layer's parity
};

}  // namespace unsuperpose::lista
