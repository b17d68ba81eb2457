// Sums in float64 in an order that is written down, for short vectors that are no kernel's business: what a caller's error bound
// and its bits rely on.
#pragma once
#include <cmath>
#include <cstddef>

namespace unsuperpose::sums {

/// Σ a_k b_k, four chains: one would wait for every addition.
template <class A, class B>
double dot(const A* a, const B* b, std::size_t n) {
  double sum[4] = {};
  std::size_t k = 0;
  for (; k + 4 <= n; k += 4)
    for (std::size_t lane = 0; lane < 4; ++lane)
      sum[lane] += static_cast<double>(a[k + lane]) * static_cast<double>(b[k + lane]);
  for (; k < n; ++k) sum[0] += static_cast<double>(a[k]) * static_cast<double>(b[k]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// Σ v_k², one chain
inline double squared_norm(const double* v, std::size_t n) {
  double sum = 0;
  for (std::size_t k = 0; k < n; ++k) sum += v[k] * v[k];
  return sum;
}

/// ‖v‖, likewise
inline double norm(const double* v, std::size_t n) { return std::sqrt(squared_norm(v, n)); }

}  // namespace unsuperpose::sums
