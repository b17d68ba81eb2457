// Features that are excluded (weight ∞) or unpenalised (weight 0), taken out of a problem before it is solved.
//
// With U the unpenalised atoms and P the projector on what they do not span, the least over b of ½‖x − aD − bU‖² is
// ½‖Px − aPD‖²: an ordinary problem of the other features, on PD and Px, and b = U⁺(x − aD). The residuals are the same, so is the
// duality gap: a dual point of the reduced problem is orthogonal to U, as that of the whole one must be. With a ridge β, U stands for
// [U, √βI] in dims + |U| dims, over which x and the other atoms are continued with zeros. PD and Px are made in float64 and kept
// in two float32 parts. A weight of ∞ only leaves its feature out.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../scoring/dictionary.hpp"
#include "certify.hpp"
#include "method.hpp"
#include "orthogonal_rows.hpp"
#include "samples.hpp"
#include "unfolding.hpp"

namespace unsuperpose {

class Reduction {
 public:
  /// Is some weight 0 or ∞?
  static bool needed(const std::vector<float>* weights);
  /// ERR_SHAPE, or ERR_OPTION for weights that are negative or NaN, and for weights of 0 of codes that may not be negative.
  /// `wide`: of atoms with their low parts.
  static Status make(std::shared_ptr<const Dictionary> whole, const std::vector<float>& weights, double ridge,
                     bool nonnegative, bool wide, const Execution& execution,
                     std::shared_ptr<const Reduction>& out);

  const std::shared_ptr<const Dictionary>& dictionary() const { return reduced_; }
  const std::vector<float>& weights() const { return weights_; }
  /// Are there unpenalised features? Then the reduced problem must be solved with low parts.
  bool eliminates() const { return !free_.empty(); }
  /// Do they depend on one another?
  bool dependent() const { return basis_.rank() < free_.size(); }
  Narrowing narrowing() const { return {nullptr, &places_, &weights_, eliminates()}; }

  /// The samples of the reduced problem; `kept` owns them where they are not the given ones.
  Samples reduce(const Samples& samples, bool wide, const Execution& execution,
                 std::unique_ptr<SplitSamples>& kept) const;
  /// From answers about the reduced samples to answers about the whole ones. Outcomes follow where gaps do.
  void extend(const Samples& samples, bool wide, const Problem& problem, const Execution& execution,
              Unfolding& out) const;
  /// Codes of the reduced problem, and what unpenalised features add to the objective of each sample, relative to the best they can
  /// do, in the sample's unit squared: ∞ for a code of an excluded feature.
  std::vector<double> reduce_codes(const Samples& samples, const SparseCodes& codes, bool wide,
                                   SparseCodes& out) const;
  std::uint32_t origin(std::uint32_t reduced) const { return reduced == kNone ? kNone : origins_[reduced]; }
  /// ‖x‖² of a sample, whole or reduced, in units of 2^unit.
  double squared_norm(const Samples& samples, std::size_t i, bool wide, int unit) const;
  /// The exponent of the units in which sample i is summed up: squares in the caller's may leave float64.
  static int unit(const Samples& samples, std::size_t i, bool wide) { return wide ? samples.exponent(i) : 0; }

 private:
  explicit Reduction(std::size_t dims) : basis_(dims) {}
  std::vector<double> read(const Samples& samples, std::size_t i, bool wide, int unit) const;
  double excess(std::vector<double> y, const std::vector<double>& free_code, double& squared_residual) const;

  std::shared_ptr<const Dictionary> whole_, reduced_;
  std::vector<float> weights_;
  std::vector<std::uint32_t> places_, origins_;
  std::vector<std::uint32_t> free_;  // unpenalised, ascending
  std::vector<std::vector<double>> free_atoms_;
  double ridge_ = 0;
  bool wide_ = false;
  OrthogonalRows basis_;
};

/// unfold() for weights of 0 and ∞ too.
Status unfold_weighted(const Samples& samples, const std::shared_ptr<const Dictionary>& dictionary,
                       const Method& method, const Execution& execution, Unfolding& out);
/// lambda_max() likewise: the smallest λ whose solution has no penalised feature. A ridge shrinks the unpenalised ones.
Status lambda_max_weighted(const Samples& samples, const std::shared_ptr<const Dictionary>& dictionary,
                           const std::vector<float>& weights, double ridge, bool nonnegative, bool wide,
                           const Execution& execution, std::vector<double>& out);
/// certify() likewise.
Status certify_weighted(const Samples& samples, const SparseCodes& codes,
                        const std::shared_ptr<const Dictionary>& dictionary, const CertifyOptions& options,
                        const Execution& execution, Certification& out);

}  // namespace unsuperpose
