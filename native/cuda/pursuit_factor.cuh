// Least squares on a growing support, by a Cholesky factor of its Gram matrix, in float64: solvers/least_squares.cpp, by one warp. Row i of either
// triangle starts at i (i + 1) / 2.
#pragma once
#include "pursuit.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

/// A pivot below this share of ‖d‖² means that float32 atoms are dependent.
inline constexpr double kPivotFloor = 1e-10;

BOTH std::size_t triangle(std::size_t i) { return i * (i + 1) / 2; }

/// The numbers of one sample's support.
struct LeastSquares {
  double *factor, *gram;
  double *inverse, *forward, *target, *solution, *feasible, *norm;
  std::uint32_t* support;

  DEVICE LeastSquares(const Pursuit& p, unsigned sample)
      : factor(p.factor + sample * triangle(p.room)),
        gram(p.gram ? p.gram + sample * triangle(p.room) : nullptr),
        support(p.support + static_cast<std::size_t>(sample) * p.room) {
    double* columns = p.columns + static_cast<std::size_t>(sample) * kColumns * p.room;
    inverse = columns + kInverse * p.room;
    forward = columns + kForward * p.room;
    target = columns + kTarget * p.room;
    solution = columns + kSolution * p.room;
    feasible = columns + kFeasible * p.room;
    norm = columns + kNorm * p.room;
  }

  /// Extends the factor by row n of the Gram matrix, `products`, and the forward solution by target[n]. False where the pivot is at most
  /// `floor` of the diagonal entry.
  DEVICE bool factor_row(unsigned n, const double* products, double target_n, double floor) {
    double* next = factor + triangle(n);
    double pivot = products[n];
    for (unsigned i = 0; i < n; ++i) {
      const double* row = factor + triangle(i);
      double sum = 0;
      for (unsigned k = lane(); k < i; k += 32) sum += row[k] * next[k];
      const double value = (products[i] - warp_sum(sum)) * inverse[i];
      if (lane() == 0) next[i] = value;
      sync_warp();
      pivot -= value * value;
    }
    if (!(pivot > floor * products[n])) return false;
    double sum = 0;
    for (unsigned k = lane(); k < n; k += 32) sum += next[k] * forward[k];
    const double root = sqrt(pivot), inverse_n = 1 / root;
    const double value = (target_n - warp_sum(sum)) * inverse_n;
    if (lane() == 0) {
      next[n] = root;
      inverse[n] = inverse_n;
      forward[n] = value;
    }
    sync_warp();
    return true;
  }

  /// Lᵀ solution = forward
  DEVICE void solve(unsigned n) {
    for (unsigned k = lane(); k < n; k += 32) solution[k] = forward[k];
    sync_warp();
    for (unsigned i = n; i-- > 0;) {
      const double* row = factor + triangle(i);
      const double value = solution[i] * inverse[i];
      sync_warp();
      for (unsigned k = lane(); k < i; k += 32) solution[k] -= row[k] * value;
      if (lane() == 0) solution[i] = value;
      sync_warp();
    }
  }

  /// Takes the atom at `position` of n out. False where what is left cannot be factored.
  DEVICE bool drop(unsigned position, unsigned n) {
    for (unsigned i = position + 1; i < n; ++i) {
      const double* from = gram + triangle(i);
      double* to = gram + triangle(i - 1);
      for (unsigned k = lane(); k < i; k += 32) to[k] = from[k < position ? k : k + 1];
      sync_warp();
    }
    if (lane() == 0)
      for (unsigned i = position + 1; i < n; ++i) {
        target[i - 1] = target[i];
        feasible[i - 1] = feasible[i];
        norm[i - 1] = norm[i];
        support[i - 1] = support[i];
      }
    sync_warp();
    // A subset of independent atoms is independent: its pivots are no smaller, but for rounding.
    for (unsigned i = position; i + 1 < n; ++i)
      if (!factor_row(i, gram + triangle(i), target[i], kPivotFloor / 2)) return false;
    solve(n - 1);
    return true;
  }

  /// Drops atoms until the solution is positive, as Lawson & Hanson's inner loop does. Answers how many are left, or kFailed.
  static constexpr unsigned kFailed = ~0u;
  DEVICE unsigned make_nonnegative(unsigned n) {
    for (;;) {
      // The farthest point on the way from the feasible code to the solution that is still nonnegative; every lane looks at all.
      double length = 1;
      unsigned first = n;
      for (unsigned i = 0; i < n; ++i) {
        if (solution[i] > 0) continue;
        const double step = feasible[i] / (feasible[i] - solution[i]);
        if (first == n || step < length) {
          length = step;
          first = i;
        }
      }
      if (first == n) break;
      sync_warp();
      for (unsigned i = lane(); i < n; i += 32) feasible[i] += length * (solution[i] - feasible[i]);
      sync_warp();
      if (!drop(first, n)) return kFailed;
      --n;
    }
    for (unsigned i = lane(); i < n; i += 32) feasible[i] = solution[i];
    sync_warp();
    return n;
  }
};

}  // namespace unsuperpose::cuda
