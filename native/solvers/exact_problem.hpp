// One sample's convex problem as it was given, in float64: nothing scaled, nothing rounded to float32. What decides where scores in
// float32 leave a certificate open, and what answers are judged by that missed their tolerance.
//
//   P(a) = ½‖x − aD‖² + λ Σ w_j|a_j| + (β/2)‖a‖²     (a ≥ 0 when nonnegative)
//
// Float32 numbers have squares that float64 holds, and their products are exact there. So the caller's units will do for them, however
// large or small. Float64 samples come in units of their own power of two (samples.hpp), and so do λ and codes then.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "../core/execution.hpp"
#include "../scoring/dictionary.hpp"
#include "method.hpp"

namespace unsuperpose {

/// Codes by feature, ascending.
using Code64 = std::vector<std::pair<std::uint32_t, double>>;

class ExactProblem {
 public:
  /// An atom beyond its bound λw_j, by `excess` times.
  struct Violator {
    std::uint32_t atom;
    double excess;
  };

  /// `low`: with the atoms' low parts. Dictionary and penalty must outlive the problem.
  ExactProblem(std::vector<double> x, const Dictionary& dictionary, const Penalty& penalty, double lambda,
               bool low)
      : x_(std::move(x)),
        dictionary_(dictionary),
        penalty_(penalty),
        lambda_(lambda),
        low_(low && dictionary.split()) {}

  const Dictionary& dictionary() const { return dictionary_; }
  const Penalty& penalty() const { return penalty_; }
  double weight(std::uint32_t j) const { return penalty_.weights.empty() ? 1.0 : penalty_.weights[j]; }
  double bound(std::uint32_t j) const { return lambda_ * weight(j); }
  double correlation(std::uint32_t j, const std::vector<double>& v) const;
  /// Do the atoms' low parts count?
  bool low() const { return low_; }

  /// P(0)
  double zero() const;
  /// P(a), Infinity where it is not a number or breaks a constraint; the residual x − aD goes to `residual`.
  double objective(const Code64& code, std::vector<double>& residual) const;
  /// A lower bound of min P: the best one that a multiple of (v, −√β·a) gives (certificate.hpp), from every atom. Lists the atoms that
  /// are beyond their bound, strongest first, if asked to. −Infinity if the call was cancelled.
  double dual(const std::vector<double>& v, const Code64& code, const Execution& execution,
              std::vector<Violator>* violators = nullptr) const;
  /// The gap of an objective and a lower bound relative to P(0); Infinity where it is not a number.
  double gap(double objective, double dual) const;

 private:
  const std::vector<double> x_;
  const Dictionary& dictionary_;
  const Penalty& penalty_;
  const double lambda_;
  const bool low_;
};

}  // namespace unsuperpose
