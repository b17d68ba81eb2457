// Vectors that float32 does not hold, as the scorer takes them: in two float32 parts, or rounded to float32 at a scale of their own.
#pragma once
#include <cstddef>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/view.hpp"

namespace unsuperpose::scoring {

/// A vector v in two float32 parts, v = high + low to some 2⁻⁴⁸: passes score `high`, and bound what that hides;
/// decisions in doubt and certificates take both.
class SplitVectors {
 public:
  SplitVectors(std::size_t count, std::size_t dims);
  void set(std::size_t i, const std::vector<double>& v);
  const float* high(std::size_t i) const { return high_.data() + i * stride_; }
  const float* low(std::size_t i) const { return low_.data() + i * stride_; }
  ConstMatrix32 highs() const { return {high_.data(), count_, dims_, stride_}; }

 private:
  std::size_t count_, dims_, stride_;
  AlignedBuffer<float> high_, low_;
};

/// float64 vectors as 2^exponent times float32 ones whose largest entry is in [½, 1).
class ScaledVectors {
 public:
  void resize(std::size_t count, std::size_t dims);
  void set(std::size_t i, const double* v);
  ConstMatrix32 rows() const { return {rounded_.data(), exponents_.size(), dims_}; }
  int exponent(std::size_t i) const { return exponents_[i]; }
  /// ‖v − its rounding‖, at most, at the vector's scale: what underflows besides the relative error that
  /// bounds allow for.
  double hidden() const;

 private:
  std::size_t dims_ = 0;
  std::vector<float> rounded_;
  std::vector<int> exponents_;
};

}  // namespace unsuperpose::scoring
