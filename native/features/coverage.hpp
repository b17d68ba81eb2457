// What a dictionary's features do not explain: how much of each sample, whether more than of samples known to
// be ordinary, and which directions are missing.
#pragma once
#include <cstdint>
#include <vector>

#include "../solvers/unfolding.hpp"

namespace unsuperpose {

struct CoverageOptions {
  double lambda = 0;  // unfolds by lasso if > 0; else both codes are given, valid, one row a sample
  double ridge = 0;
  bool nonnegative = false;
  double tolerance = 1e-4;
  const SparseCodes* codes = nullptr;
  const SparseCodes* calibration_codes = nullptr;
  double false_alarm_rate = 0.01;    // α, with α(n + 1) ≥ 1 for n calibration samples
  bool relative = false;             // scores ‖r‖²/‖x‖² in place of ‖r‖²
  double significance = 0.01;        // of directions
  std::size_t most_directions = 16;  // 0: none are looked for
};

struct Coverage {
  // one entry a sample
  std::vector<double> energy;       // ‖x − aD‖²
  std::vector<double> unexplained;  // that over ‖x‖²; 0 for a zero sample
  std::vector<double> p_value;
  std::vector<std::uint8_t> flagged;
  double threshold = 0;  // scores above it are flagged

  // one entry a direction
  std::vector<float> directions;  // unit rows
  std::vector<double> strength;   // root mean square of what it contributes to the samples that have it
  std::vector<std::uint32_t> samples;
  std::vector<double> significance;  // p-value
  std::vector<std::uint32_t> nearest;
  std::vector<double> cosine;  // with the nearest feature
};

/// `calibration` has as many columns as `samples`. Deterministic.
Status cover(ConstMatrix32 samples, ConstMatrix32 calibration, const Dictionary& dictionary,
             const CoverageOptions& options, const Execution& execution, Coverage& out);

/// P(J ≥ count) for the number J of `tested` values above the rank-th largest of `calibrated` ones, all
/// exchangeable (ties only make it larger than the truth): J is negative hypergeometric. 1 ≤ rank ≤
/// calibrated.
double exceedance_p_value(std::size_t calibrated, std::size_t tested, std::size_t rank, std::size_t count);

}  // namespace unsuperpose
