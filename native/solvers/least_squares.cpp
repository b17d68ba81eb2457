#include "least_squares.hpp"

#include <cmath>
#include <utility>

#include "../core/cancellation.hpp"
#include "../core/sums.hpp"

namespace unsuperpose {

namespace {
/// A pivot below this share of ‖d‖² means that float32 atoms are dependent: the coefficients would be noise.
constexpr double kPivotFloor = 1e-10;

std::size_t row(std::size_t i) { return i * (i + 1) / 2; }

using sums::dot;
}  // namespace

/// Extends the factor by the Gram matrix's next row (L Lᵀ = G), and the forward solution (L y = targets) by the
/// target's. False if the pivot is at most `floor` of the diagonal entry.
bool LeastSquares::factor_last(double target, double floor) {
  cancellation::point();
  const std::size_t n = forward_.size();
  const double* g = gram_.data() + row(n);
  factor_.resize(row(n + 1));
  double* next = factor_.data() + row(n);
  double pivot = g[n];
  for (std::size_t i = 0; i < n; ++i) {
    next[i] = (g[i] - dot(factor_.data() + row(i), next, i)) * inverse_[i];
    pivot -= next[i] * next[i];
  }
  if (!(pivot > floor * g[n])) {
    factor_.resize(row(n));
    return false;
  }
  next[n] = std::sqrt(pivot);
  inverse_.push_back(1 / next[n]);
  forward_.push_back((target - dot(next, forward_.data(), n)) * inverse_[n]);
  return true;
}

/// Lᵀ γ = y
void LeastSquares::solve() {
  solution_ = forward_;
  for (std::size_t i = solution_.size(); i-- > 0;) {
    const double* l = factor_.data() + row(i);
    const double value = solution_[i] * inverse_[i];
    solution_[i] = value;
    for (std::size_t k = 0; k < i; ++k) solution_[k] -= l[k] * value;
  }
}

void LeastSquares::clear() {
  for (std::vector<double>* values :
       {&gram_, &factor_, &inverse_, &forward_, &targets_, &solution_, &feasible_})
    values->clear();
}

void LeastSquares::reserve(std::size_t size) {
  gram_.reserve(row(size));
  factor_.reserve(row(size));
  for (std::vector<double>* values : {&inverse_, &forward_, &targets_, &solution_, &feasible_})
    values->reserve(size);
}

bool LeastSquares::append(const double* products, double target) {
  const std::size_t n = targets_.size();
  gram_.insert(gram_.end(), products, products + n + 1);
  if (!factor_last(target, kPivotFloor)) {
    gram_.resize(row(n));
    return false;
  }
  targets_.push_back(target);
  feasible_.push_back(0);
  solve();
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
  inverse_.resize(position);
  forward_.resize(position);
  // A subset of independent atoms is independent: its pivots are no smaller, but for rounding.
  for (std::size_t i = position; i < targets_.size(); ++i) factor_last(targets_[i], kPivotFloor / 2);
  solve();
}

void LeastSquares::correct(const double* correlations, bool positive) {
  const std::size_t n = targets_.size();
  std::vector<double> change(n);
  for (std::size_t i = 0; i < n; ++i)
    change[i] = (correlations[i] - dot(factor_.data() + row(i), change.data(), i)) * inverse_[i];
  for (std::size_t i = n; i-- > 0;) {
    change[i] *= inverse_[i];
    for (std::size_t k = 0; k < i; ++k) change[k] -= factor_[row(i) + k] * change[i];
  }
  for (std::size_t i = 0; i < n && positive; ++i)
    if (!(solution_[i] + change[i] > 0)) return;
  for (std::size_t i = 0; i < n; ++i) solution_[i] += change[i];
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
