// The samples of a call: in float32, or each in two float32 parts and a power of two, which hold what float64 data give.
#pragma once
#include <cstddef>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

/// A view: sample i is 2^exponents[i] · (high_i + low_i).
struct Samples {
  ConstMatrix32 high, low;         // low.data null: nothing besides high
  const int* exponents = nullptr;  // null: all 0

  Samples() = default;
  Samples(ConstMatrix32 samples) : high(samples) {}
  Samples(ConstMatrix32 high_, ConstMatrix32 low_, const int* exponents_)
      : high(high_), low(low_), exponents(exponents_) {}

  std::size_t rows() const { return high.rows; }
  std::size_t cols() const { return high.cols; }
  bool split() const { return low.data != nullptr; }
  int exponent(std::size_t i) const { return exponents ? exponents[i] : 0; }
  Samples slice(std::size_t first, std::size_t count) const;
  /// Sample i in float64, in the caller's units.
  void read(std::size_t i, double* out) const { read(i, out, exponent(i)); }
  /// 2^exponent · (high_i + low_i)
  void read(std::size_t i, double* out, int exponent) const;
};

/// Owns split samples.
class SplitSamples {
 public:
  SplitSamples(std::size_t rows, std::size_t cols);
  /// 2^unit times `sample`. Of different rows at once, if need be.
  void set(std::size_t i, const double* sample, int unit = 0);
  Samples view() const {
    return {{high_.data(), rows_, cols_}, {low_.data(), rows_, cols_}, exponents_.data()};
  }
  std::size_t bytes() const { return high_.bytes() + low_.bytes(); }

 private:
  std::size_t rows_, cols_;
  AlignedBuffer<float> high_, low_;
  std::vector<int> exponents_;
};

}  // namespace unsuperpose
