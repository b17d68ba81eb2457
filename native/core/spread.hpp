// Σ‖x − mean‖² of samples as they stream by.
#pragma once
#include <cmath>
#include <cstddef>

namespace unsuperpose::spread {

/// From Σ‖x‖² and ‖Σx‖² of n samples. What is left of equal samples is rounding, and counts as nothing.
inline double of_sums(double squares, double squared_sum, double n) {
  if (!(n > 0)) return 0;
  const double value = squares - squared_sum / n;
  return value > squares * 0x1p-52 * std::sqrt(n) ? value : 0;
}

/// Takes sample number n (from 1) of dims entries, in these units, into mean and Σ‖x − mean‖² of those before (Welford 1962). No difference of large
/// sums is taken: samples far from 0 lose nothing, and equal ones leave exactly 0.
inline void add(const float* x, std::size_t dims, double unit, double n, double* mean, double& squares) {
  constexpr std::size_t kLanes = 8;  // sums beside each other, which wait for no other
  const double share = 1 / n;
  double sums[kLanes] = {};
  const auto take = [&](std::size_t d, double& sum) {
    const double value = unit * static_cast<double>(x[d]), off = value - mean[d];
    mean[d] += share * off;
    sum += off * (value - mean[d]);
  };
  std::size_t d = 0;
  for (; d + kLanes <= dims; d += kLanes)
    for (std::size_t k = 0; k < kLanes; ++k) take(d + k, sums[k]);
  for (; d < dims; ++d) take(d, sums[0]);
  for (const double sum : sums) squares += sum;
}

/// Takes `count` samples of known Σx and Σ‖x‖² to the `before` that there were (Chan, Golub & LeVeque 1979).
inline void merge(const double* sums, double squared, double count, double before, std::size_t dims,
                  double* mean, double& squares) {
  if (!(count > 0)) return;
  const double all = before + count;
  double squared_sum = 0, apart = 0;
  for (std::size_t d = 0; d < dims; ++d) {
    squared_sum += sums[d] * sums[d];
    const double off = sums[d] / count - mean[d];
    apart += off * off;
    mean[d] += off * (count / all);
  }
  squares += of_sums(squared, squared_sum, count) + apart * (before * count / all);
}

}  // namespace unsuperpose::spread
