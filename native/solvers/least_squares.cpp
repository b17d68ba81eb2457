#include "least_squares.hpp"

#include <cmath>

namespace unsuperpose {

namespace {
/// A pivot below this share of ‖d‖² means that float32 atoms are dependent: the coefficients would be noise.
constexpr double kPivotFloor = 1e-10;

std::size_t row(std::size_t i) { return i * (i + 1) / 2; }
}  // namespace

/// Extends the factor by the Gram matrix's next row (L Lᵀ = G). False if the pivot is too small.
bool LeastSquares::factor_last() {
  std::size_t n = 0;
  while (row(n) < factor_.size()) ++n;
  const double* g = gram_.data() + row(n);
  std::vector<double> next(g, g + n + 1);
  double pivot = g[n];
  for (std::size_t i = 0; i < n; ++i) {
    const double* l = factor_.data() + row(i);
    for (std::size_t k = 0; k < i; ++k) next[i] -= l[k] * next[k];
    next[i] /= l[i];
    pivot -= next[i] * next[i];
  }
  if (!(pivot > kPivotFloor * g[n])) return false;
  next[n] = std::sqrt(pivot);
  factor_.insert(factor_.end(), next.begin(), next.end());
  return true;
}

void LeastSquares::solve(std::vector<double>& solution) const {
  const std::size_t n = targets_.size();
  solution = targets_;
  for (std::size_t i = 0; i < n; ++i) {
    const double* l = factor_.data() + row(i);
    for (std::size_t k = 0; k < i; ++k) solution[i] -= l[k] * solution[k];
    solution[i] /= l[i];
  }
  for (std::size_t i = n; i-- > 0;) {
    const double* l = factor_.data() + row(i);
    solution[i] /= l[i];
    for (std::size_t k = 0; k < i; ++k) solution[k] -= l[k] * solution[i];
  }
}

bool LeastSquares::append(const double* products, double target) {
  const std::size_t n = targets_.size();
  gram_.insert(gram_.end(), products, products + n + 1);
  if (!factor_last()) {
    gram_.resize(row(n));
    return false;
  }
  targets_.push_back(target);
  feasible_.push_back(0);
  solve(solution_);
  return true;
}

void LeastSquares::drop(std::size_t position) {
  const std::size_t n = targets_.size();
  std::vector<double> gram;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k <= i; ++k)
      if (i != position && k != position) gram.push_back(gram_[row(i) + k]);
  gram_ = std::move(gram);
  const auto at = static_cast<std::ptrdiff_t>(position);
  targets_.erase(targets_.begin() + at);
  feasible_.erase(feasible_.begin() + at);
  factor_.resize(row(position));
  for (std::size_t i = position; i < targets_.size(); ++i) factor_last();  // a subset of independent atoms is independent
  solve(solution_);
}

std::vector<std::size_t> LeastSquares::make_nonnegative() {
  std::vector<std::size_t> dropped;
  for (;;) {
    // The farthest point on the way from the feasible code to the solution that is still nonnegative.
    double length = 1;
    std::size_t first = targets_.size();
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      if (solution_[i] > 0) continue;
      const double step = feasible_[i] / (feasible_[i] - solution_[i]);
      if (first == targets_.size() || step < length) {
        length = step;
        first = i;
      }
    }
    if (first == targets_.size()) break;
    for (std::size_t i = 0; i < targets_.size(); ++i) feasible_[i] += length * (solution_[i] - feasible_[i]);
    dropped.push_back(first);
    drop(first);
  }
  feasible_ = solution_;
  return dropped;
}

double LeastSquares::explained() const {
  double sum = 0;
  for (std::size_t i = 0; i < targets_.size(); ++i) sum += solution_[i] * targets_[i];
  return sum;
}

}  // namespace unsuperpose
