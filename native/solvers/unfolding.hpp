// Unfolding by any method, and its answer. Nothing is divided by the number of samples or dims.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"
#include "method.hpp"
#include "samples.hpp"

namespace unsuperpose {

/// How a sample ended.
enum class Outcome : std::uint8_t {
  converged = 0,   // the tolerance (convex) or the stopping rule (pursuits) was met
  iterations = 1,  // the limit of iterations came first
  stalled = 2,     // float32 codes cannot come closer (convex), or no independent atom is left (pursuits)
  diverged = 3,    // amp, iht: the iteration grew; the answer is its best code
  infeasible = 4,  // no code reaches the residual that was asked for (bpdn)
};

/// One entry a sample in every vector but codes.
struct Unfolding {
  SparseCodes codes;
  bool float64 = false;
  std::vector<double> values64;   // with float64: the codes' values, in place of codes.values
  std::vector<double> gap;        // (P − dual) / ½‖x‖²; NaN for pursuits; 0 for a zero sample
  std::vector<double> objective;  // P in float64; pursuits: ½‖x − aD‖²; bpdn: Σ w_j|a_j|
  std::vector<double>
      lambda;  // of methods that find one (bpdn, amp, knots): the λ whose LASSO has this solution
  std::vector<float> residual;       // ‖x − aD‖
  std::vector<std::uint8_t> status;  // Outcome
  /// lasso: working-set solves, one less than scoring passes; fista, ista: steps; omp: atoms tried; homotopy, bpdn: knots;
  /// mp, gradient-pursuit, iht, htp, cosamp, amp: rounds; reweighted: problems solved
  std::vector<std::uint32_t> iterations;
  std::vector<double> norm;  // ‖x‖
  double variance = 0;       // Σ‖x − mean‖² over all samples
  bool used_device = false;  // part of it at least was computed there
};

/// Σ‖x − mean‖² of samples that come in blocks.
class Variance {
 public:
  void add(const Samples& samples, const Execution& execution = {});
  double value() const { return squares_; }

 private:
  std::vector<double> mean_;
  double squares_ = 0;
  std::size_t samples_ = 0;
};

/// Unfolds `samples` (n × dims, finite: the caller has checked), as they are for methods that take low parts. Progress counts samples.
/// ERR_SHAPE/ERR_OPTION for options that do not fit, ERR_CANCELLED, ERR_TOO_LARGE for more than 2³²−1 codes.
Status unfold(const Samples& samples, const Dictionary& dictionary, const Method& method,
              const Execution& execution, Unfolding& out);

/// out (n × dims) = codes · D, accumulated in float64. Indices must be < features.
Status fold(const SparseCodes& codes, const Dictionary& dictionary, Matrix32 out, const Execution& execution);
/// The same on the device that the execution has, for a dense `out`.
Status fold_on_device(const SparseCodes& codes, const Dictionary& dictionary, Matrix32 out,
                      const Execution& execution);

/// lambda_max[i] = the smallest λ with the zero solution: max_j |d_j·x_i| / w_j (nonnegative: without | |, at least 0).
/// `wide`: of samples and atoms with their low parts.
Status lambda_max(const Samples& samples, const Dictionary& dictionary, const std::vector<float>& weights,
                  bool nonnegative, bool wide, const Execution& execution, std::vector<double>& out);

}  // namespace unsuperpose
