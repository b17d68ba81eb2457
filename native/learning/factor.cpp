#include "factor.hpp"

#include <algorithm>
#include <cmath>

#include "../core/cancellation.hpp"

namespace unsuperpose {

namespace {

/// Rows that are eliminated together, and columns a task: rows of a strip stay in the first cache while those above are taken from them.
constexpr std::size_t kRows = 32, kStrip = 64;

/// to −= Σ_t factors[t·step]·from[t·stride], `terms` of them, over n columns, in ascending order, four at a time.
void subtract(double* __restrict to, const double* __restrict from, std::size_t stride, const double* factors,
              std::size_t step, std::size_t terms, std::size_t n) {
  std::size_t t = 0;
  for (; t + 4 <= terms; t += 4) {
    const double f0 = factors[t * step], f1 = factors[(t + 1) * step], f2 = factors[(t + 2) * step],
                 f3 = factors[(t + 3) * step];
    const double *r0 = from + t * stride, *r1 = r0 + stride, *r2 = r1 + stride, *r3 = r2 + stride;
    for (std::size_t k = 0; k < n; ++k) to[k] -= f0 * r0[k] + f1 * r1[k] + f2 * r2[k] + f3 * r3[k];
  }
  for (; t < terms; ++t)
    for (std::size_t k = 0; k < n; ++k) to[k] -= factors[t * step] * from[t * stride + k];
}

/// The triangle of rows first … last, of which all rows above are taken already. False at a pivot that is too small.
bool factor_diagonal(const NormalEquations& of, std::size_t first, std::size_t last, double least) {
  for (std::size_t i = first; i < last; ++i) {
    double* row = of.row(i);
    subtract(row + i, of.row(first) + i, of.stride, of.row(first) + i, of.stride, i - first, last - i);
    if (!(row[i] > least)) return false;
    const double pivot = std::sqrt(row[i]);
    for (std::size_t k = i; k < last; ++k) row[k] /= pivot;
  }
  return true;
}

}  // namespace

bool solve(const NormalEquations& of, double least, const Execution& execution) {
  const std::size_t width = of.size + of.sides;
  // U, and U⁻ᵀ times the right-hand sides beside it, some rows at a time.
  for (std::size_t first = 0; first < of.size; first += kRows) {
    const std::size_t last = std::min(of.size, first + kRows);
    const auto strips = [&](std::size_t from, const auto& each) {
      execution.for_each((width - from + kStrip - 1) / kStrip, [&](std::size_t strip) {
        cancellation::point();
        const std::size_t at = from + strip * kStrip;
        each(at, std::min(kStrip, width - at));
      });
    };
    strips(first, [&](std::size_t at, std::size_t n) {
      for (std::size_t i = first; i < last; ++i)
        subtract(of.row(i) + at, of.row(0) + at, of.stride, of.row(0) + i, of.stride, first, n);
    });
    if (execution.cancelled() || !factor_diagonal(of, first, last, least)) return false;
    strips(last, [&](std::size_t at, std::size_t n) {
      for (std::size_t i = first; i < last; ++i) {
        double* row = of.row(i);
        subtract(row + at, of.row(first) + at, of.stride, of.row(first) + i, of.stride, i - first, n);
        for (std::size_t k = at; k < at + n; ++k) row[k] /= row[i];
      }
    });
  }
  // U X = what is beside it, from the last row up; columns by themselves.
  execution.for_each((of.sides + kStrip - 1) / kStrip, [&](std::size_t strip) {
    const std::size_t at = of.size + strip * kStrip, n = std::min(kStrip, width - at);
    for (std::size_t i = of.size; i-- > 0;) {
      cancellation::point();
      double* row = of.row(i);
      subtract(row + at, of.row(i + 1) + at, of.stride, row + i + 1, 1, of.size - i - 1, n);
      for (std::size_t k = at; k < at + n; ++k) row[k] /= row[i];
    }
  });
  return !execution.cancelled();
}

}  // namespace unsuperpose
