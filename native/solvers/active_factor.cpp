#include "active_factor.hpp"

#include <algorithm>
#include <cmath>

#include "../core/cancellation.hpp"

namespace unsuperpose {

namespace {

/// A pivot is in doubt unless it is this many times what rounding may have made of it.
constexpr double kClear = 1e6;
/// Rounding of the float64 sums behind a Gram entry, relative to ‖d_i‖‖d_j‖.
constexpr double kRounding = 0x1.0p-51;

std::size_t row(std::size_t i) { return i * (i + 1) / 2; }

/// Eight chains, so that the sum is not one chain of latencies.
template <class T>
double dot(const double* a, const T* b, std::size_t n) {
  constexpr std::size_t kChains = 8;
  double sums[kChains] = {};
  std::size_t i = 0;
  for (; i + kChains <= n; i += kChains)
    for (std::size_t c = 0; c < kChains; ++c) sums[c] += a[i + c] * b[i + c];
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace

void ActiveFactor::restart(std::size_t dims) {
  size_ = 0;
  dims_ = dims;
  factor_.clear();
  diagonals_.clear();
  basis_.clear();
}

bool ActiveFactor::append(const double* products, double diagonal, bool certain) {
  cancellation::point();
  const std::size_t n = size_;
  factor_.resize(row(n + 1));
  double* next = factor_.data() + row(n);
  double pivot = diagonal, rounding = diagonal;
  for (std::size_t i = 0; i < n; ++i) {
    const double* l = factor_.data() + row(i);
    next[i] = (products[i] - dot(l, next, i)) / l[i];
    const double square = next[i] * next[i];
    pivot -= square;
    // An error in member i's pivot comes back in this one, relative to it.
    rounding += square * (diagonals_[i] / (l[i] * l[i]));
  }
  if (!(pivot > (certain ? 0 : kClear * kRounding * rounding))) {
    factor_.resize(row(n));
    return false;
  }
  next[n] = std::sqrt(pivot);
  diagonals_.push_back(diagonal);
  ++size_;
  return true;
}

template <class T>
bool ActiveFactor::append_row(const T* atom, double floor) {
  cancellation::point();
  const std::size_t n = size_;
  factor_.resize(row(n + 1));
  basis_.resize((n + 1) * dims_);
  double* next = factor_.data() + row(n);
  double* left = basis_.data() + n * dims_;
  std::copy(atom, atom + dims_, left);
  std::fill(next, next + n, 0.0);
  const double norm = std::sqrt(dot(left, left, dims_));
  std::vector<double> shares(n);
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < n; ++i) next[i] += shares[i] = dot(left, basis_.data() + i * dims_, dims_);
    for (std::size_t i = 0; i < n; ++i) {
      const double* member = basis_.data() + i * dims_;
      for (std::size_t d = 0; d < dims_; ++d) left[d] -= shares[i] * member[d];
    }
  }
  const double length = std::sqrt(dot(left, left, dims_));
  if (!(length > floor * norm)) {
    factor_.resize(row(n));
    basis_.resize(n * dims_);
    return false;
  }
  for (std::size_t d = 0; d < dims_; ++d) left[d] /= length;
  next[n] = length;
  ++size_;
  return true;
}

bool ActiveFactor::append(const float* atom, double floor) { return append_row(atom, floor); }
bool ActiveFactor::append(const double* atom, double floor) { return append_row(atom, floor); }

/// Turns basis vectors i and i + 1.
void ActiveFactor::rotate(std::size_t i, double cosine, double sine) {
  double* a = basis_.data() + i * dims_;
  double* b = a + dims_;
  for (std::size_t d = 0; d < dims_; ++d) {
    const double left = a[d], right = b[d];
    a[d] = cosine * left + sine * right;
    b[d] = cosine * right - sine * left;
  }
}

void ActiveFactor::remove(std::size_t position) {
  // Row i + 1 takes the place of row i; it is one entry too long, which a rotation of columns i and i + 1 brings to zero.
  for (std::size_t i = position; i + 1 < size_; ++i) {
    double* from = factor_.data() + row(i + 1);
    const double a = from[i], b = from[i + 1], length = std::sqrt(a * a + b * b), cosine = a / length,
                 sine = b / length;
    from[i] = length;
    for (std::size_t k = i + 2; k < size_; ++k) {
      double* below = factor_.data() + row(k);
      const double left = below[i], right = below[i + 1];
      below[i] = cosine * left + sine * right;
      below[i + 1] = cosine * right - sine * left;
    }
    std::copy(from, from + i + 1, factor_.data() + row(i));
    if (orthogonal()) rotate(i, cosine, sine);
  }
  --size_;
  factor_.resize(row(size_));
  if (orthogonal())
    basis_.resize(size_ * dims_);
  else
    diagonals_.erase(diagonals_.begin() + static_cast<std::ptrdiff_t>(position));
}

void ActiveFactor::substitute_back(double* y) const {
  for (std::size_t i = size_; i-- > 0;) {
    const double* l = factor_.data() + row(i);
    y[i] /= l[i];
    for (std::size_t k = 0; k < i; ++k) y[k] -= l[k] * y[i];
  }
}

void ActiveFactor::solve(const double* rhs, double* y) const {
  if (y != rhs) std::copy(rhs, rhs + size_, y);
  for (std::size_t i = 0; i < size_; ++i) {
    const double* l = factor_.data() + row(i);
    y[i] = (y[i] - dot(l, y, i)) / l[i];
  }
  substitute_back(y);
}

template <class T>
void ActiveFactor::fit_to(const T* x, double* y) const {
  for (std::size_t i = 0; i < size_; ++i) y[i] = dot(basis_.data() + i * dims_, x, dims_);
  substitute_back(y);
}

void ActiveFactor::fit(const float* x, double* y) const { fit_to(x, y); }
void ActiveFactor::fit(const double* x, double* y) const { fit_to(x, y); }

}  // namespace unsuperpose
