// Floors for a pass of which only the strongest are wanted: from a sample of the right rows, so that some more than are wanted pass.
#pragma once
#include "kernels.hpp"
#include "rows.hpp"

namespace unsuperpose::cuda {

class Thresholds {
 public:
  /// For each left row of `pass`, a strength that some `passing` of its right rows exceed: those of `least_rank` in the sample or more, of so
  /// many rows as are `wanted` (0: a share of all). On the device, until the next. Of kLeastRows right rows or more.
  static constexpr std::size_t kLeastRows = 2048;
  const float* of(const Select& pass, int precision, const Device& device, double passing,
                  unsigned least_rank, const Stream& stream, std::size_t wanted = 0);
  std::size_t bytes() const { return strengths_.bytes() + ranks_.bytes(); }
  void free() {
    strengths_.free();
    ranks_.free();
  }

 private:
  Memory<float> strengths_, ranks_;
};

}  // namespace unsuperpose::cuda
