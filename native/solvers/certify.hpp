// Certificates of codes from any source: what can be proved about each, rounding errors included.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/index.hpp"
#include "unfolding.hpp"

namespace unsuperpose {

enum class Verdict : std::uint8_t { none = 0, bounded = 1, exact = 2 };

struct CertifyOptions {
  std::vector<double> lambda;  // 1 entry or one a sample; finite, > 0
  double ridge = 0;
  std::vector<float> weights;  // empty or one a feature; finite, > 0
  bool nonnegative = false;
  double tolerance = 1e-4;
  bool wide = false;  // judge samples and atoms with their low parts
};

/// One entry a sample.
struct Certification {
  std::vector<std::uint8_t> verdict;  // Verdict
  std::vector<double> gap;            // at least (P − P*) / ½‖x‖²; 0 for a zero code of a zero sample
  std::vector<double> fuchs;  // at least max_{j∉I} |d_j·D_I⁺s|/w_j; NaN where full rank was not proved
  std::vector<std::uint8_t> unique;  // 1: proved
  std::vector<double>
      eigenvalue;  // at most the smallest eigenvalue of D_I D_Iᵀ + βI; 0: not proved; ∞: no support
  std::vector<std::uint32_t> worst;  // strongest feature off the support, kNone if there is none
  std::vector<double> correlation;   // its |d_j·r|/(λw_j)
  std::vector<double> objective;     // P at the code
  std::vector<double> polished;      // P at the polished code where its support is proved, else NaN
  std::vector<double> error;         // at least max_j |a_j − a*_j| where the support is proved, else NaN
};

/// `codes` must be valid: one row a sample, indices ascending and < features, values finite.
/// Progress counts samples.
Status certify(const Samples& samples, const SparseCodes& codes, const Dictionary& dictionary,
               const CertifyOptions& options, const Execution& execution, Certification& out);

}  // namespace unsuperpose
