// Unrolled ISTA with learned weights, ready to be used: codes of a sample in a fixed number of layers. With unit atoms d̂_j = d_j/‖d_j‖ (rows
// of D̂), x' = scale·x, r = x' − aD̂, a = 0 at first, a layer is
//   z = a + γ_k·W_k r                       cp, shared and fixed weights; cp: γ = 1 (Chen, Liu, Wang, Yin 2018, arXiv 1808.10038, eq. 13)
//   z = V_k x' + Σ_j a_j U_k[j]             pair: two matrices a layer (Gregor & LeCun 2010, eq. 4)
//   z = a + W r + β(a − a_before)           hyper (below)
//   a = η(z): entries with |z_j| ≤ θ are 0; of the others, those with |z_j| above the percentile 100 − p_k of all |z| stay as they are
//       ("support selection", the same paper, eq. 19; strict, so ties with the percentile shrink), and the rest shrink by θ.
// θ = θ_k, or where adaptive > 0, θ_k/(1 + |a_j|/adaptive) with the a_j of the layer before (Behrens, Sauder, Jung 2021, ALISTA-AT).
// hyper (Chen, Liu, Wang, Yin 2021, "Hyperparameter tuning is all you need for LISTA"): θ = c₁‖A⁺r‖₁, β = c₂‖a‖₀,
//   p = clip(c₃·log(‖A⁺x'‖₁/‖A⁺r‖₁), 0, 1) of the entries. With W analytic, (A⁺r)_j = (d̂_jᵀ S d̂_j)·(W r)_j: the same product.
//   As printed, its step is γ = 1/‖D̂‖², of the layer and of θ. That is the step of a layer by D̂; with w_j·d̂_j = 1 an error of one code leaves in
//   one layer if γ = 1, which its theory takes, and the smaller step (.17 where atoms are random and twice as many as dims) comes nowhere near.
// Codes are for the atoms as they were given: a_j/(scale·‖d_j‖). A zero atom is never used. With nonnegative, only z_j > θ passes.
//
// Analytic weights (Liu, Chen, Wang, Yin 2019, "ALISTA", their relaxed problem, whose minimiser is this): w_j = S d̂_j/(d̂_jᵀ S d̂_j), S = (D̂ᵀD̂)⁻¹
// (dims × dims): of all W with w_j·d̂_j = 1 the one with the smallest Σ_ij (w_i·d̂_j)². With a ridge α ≥ 0, S = (D̂ᵀD̂ + αI)⁻¹: the one with the
// smallest Σ_ij (w_i·d̂_j)² + α·Σ_i ‖w_i‖², which lets more of the other codes' errors through a layer and less of the samples' noise. (The same
// trade-off is known from beamforming as diagonal loading: Cox, Zeskind, Owen 1987, "Robust adaptive beamforming".)
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../solvers/unfolding.hpp"

namespace unsuperpose {

enum class ListaWeights : std::uint8_t {
  pair,    // V_k (features × dims) and U_k (features × features), one of each a layer
  layers,  // W_k, one a layer
  shared,  // one W for all layers, learned
  fixed,   // one W for all layers, analytic
  hyper,   // as fixed; steps, thresholds and selection from three numbers and the sample
};

struct ListaParameters {
  ListaWeights weights = ListaWeights::fixed;
  bool nonnegative = false;
  std::size_t layers = 0, features = 0, dims = 0;
  double scale = 1;               // a power of two
  std::vector<float> dictionary;  // features × dims, as it was given
  std::vector<float> forward;  // V or W: layers × features × dims (pair, layers), features × dims (others)
  std::vector<float> recurrent;  // U: layers × features × features, row j is what code j adds to z; pair only
  std::vector<float> step;       // γ_k, one a layer; 1 where it is not learned; empty with hyper
  std::vector<float> threshold;  // θ_k ≥ 0, one a layer; empty with hyper
  std::vector<float> selection;  // p_k in percent, one a layer, 0: none; empty with hyper
  double adaptive = 0;           // 0: thresholds do not depend on the codes
  std::vector<double> hyper;     // c₁, c₂, c₃; hyper only
  double ridge = 0;  // α of S, from which A⁺ follows; hyper only (the others' W is all there is)
};

struct ListaUnfoldOptions {
  std::size_t layers = 0;  // 1 … all
  std::vector<double>
      lambda;  // one entry or one a sample, > 0, for objective and gap in the units that were given; or empty
  double tolerance = 1e-4;      // of the gap, for the status
  bool refuse_overflow = true;  // else a sample that overflows has no codes, and has diverged
};

/// Immutable, so that calls may share it.
class Lista {
 public:
  /// ERR_SHAPE where sizes do not fit, ERR_NOT_FINITE naming the tensor.
  static Status make(ListaParameters parameters, std::shared_ptr<const Lista>& out);
  ~Lista();

  const ListaParameters& parameters() const;
  std::size_t bytes() const;

  /// x: samples × dims, finite; codes after so many layers, with the figures of an unfolding: without λ as those of a pursuit. A sample has
  /// converged where its gap is at most the tolerance; else its layers came to their end (Outcome::iterations). ERR_NOT_FINITE for the first
  /// sample that overflows float32 in the layers, where that is refused. Deterministic, whatever else is in the batch and however many threads. Progress counts samples.
  Status unfold(ConstMatrix32 x, const ListaUnfoldOptions& options, const Execution& execution,
                Unfolding& out) const;

 private:
  Lista();
  struct State;
  std::unique_ptr<State> state_;
};

/// The analytic W of a dictionary for a finite ridge ≥ 0, features × dims, in float64 and rounded once. Where the atoms do not span all dims, S is the inverse
/// on their span: directions in which all atoms together have less than 2⁻²⁰ of their root mean square over the dims count as
/// outside (float32 atoms of a smaller span have such). Rows of zero atoms are zero.
Status analytic_weights(ConstMatrix32 dictionary, double ridge, const Execution& execution,
                        std::vector<float>& out);

}  // namespace unsuperpose
