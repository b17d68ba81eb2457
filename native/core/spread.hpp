// Σ‖x − mean‖² of samples as they stream by.
#pragma once
#include <cstddef>

namespace unsuperpose::spread {

/// Takes sample number n (from 1) of dims entries, in these units, into mean and Σ‖x − mean‖² of those before (Welford 1962). No difference of large
/// sums is taken: samples far from 0 lose nothing, and equal ones leave exactly 0.
template <class T>
void add(const T* x, std::size_t dims, double unit, double n, double* mean, double& squares) {
  constexpr std::size_t kChains = 4;  // sums that do not wait for each other
  const double share = 1 / n;
  double sums[kChains] = {};
  const auto one = [&](std::size_t d, double& sum) {
    const double value = unit * static_cast<double>(x[d]), off = value - mean[d];
    mean[d] += share * off;
    sum += off * (value - mean[d]);
  };
  std::size_t d = 0;
  for (; d + kChains <= dims; d += kChains)
    for (std::size_t c = 0; c < kChains; ++c) one(d + c, sums[c]);
  for (; d < dims; ++d) one(d, sums[0]);
  squares += (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Takes `count` samples of this mean and this Σ‖x − mean‖² to the `before` that there were (Chan, Golub & LeVeque 1979).
inline void join(const double* their_mean, double their_squares, double count, double before,
                 std::size_t dims, double* mean, double& squares) {
  if (!(count > 0)) return;
  const double share = count / (before + count);
  double apart = 0;
  for (std::size_t d = 0; d < dims; ++d) {
    const double off = their_mean[d] - mean[d];
    apart += off * off;
    mean[d] += share * off;
  }
  squares += their_squares + apart * before * share;
}

}  // namespace unsuperpose::spread
