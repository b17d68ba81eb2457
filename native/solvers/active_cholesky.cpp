#include "active_cholesky.hpp"

#include <algorithm>
#include <cmath>

namespace unsuperpose {

namespace {
std::size_t row(std::size_t i) { return i * (i + 1) / 2; }
}  // namespace

void ActiveCholesky::clear() {
  factor_.clear();
  size_ = 0;
}

bool ActiveCholesky::append(const double* products, double diagonal, double floor) {
  const std::size_t n = size_;
  factor_.resize(row(n + 1));
  double* next = factor_.data() + row(n);
  double pivot = diagonal;
  for (std::size_t i = 0; i < n; ++i) {
    const double* l = factor_.data() + row(i);
    double sum = products[i];
    for (std::size_t k = 0; k < i; ++k) sum -= l[k] * next[k];
    next[i] = sum / l[i];
    pivot -= next[i] * next[i];
  }
  if (!(pivot > floor)) {
    factor_.resize(row(n));
    return false;
  }
  next[n] = std::sqrt(pivot);
  ++size_;
  return true;
}

void ActiveCholesky::remove(std::size_t position) {
  // Row i + 1 takes the place of row i; it is one entry too long, which a rotation of columns i and i + 1 brings to zero.
  for (std::size_t i = position; i + 1 < size_; ++i) {
    double* from = factor_.data() + row(i + 1);
    const double a = from[i], b = from[i + 1], length = std::hypot(a, b), cosine = a / length, sine = b / length;
    from[i] = length;
    for (std::size_t k = i + 2; k < size_; ++k) {
      double* below = factor_.data() + row(k);
      const double left = below[i], right = below[i + 1];
      below[i] = cosine * left + sine * right;
      below[i + 1] = cosine * right - sine * left;
    }
    std::copy(from, from + i + 1, factor_.data() + row(i));
  }
  --size_;
  factor_.resize(row(size_));
}

void ActiveCholesky::solve(const double* rhs, double* x) const {
  if (x != rhs) std::copy(rhs, rhs + size_, x);
  for (std::size_t i = 0; i < size_; ++i) {
    const double* l = factor_.data() + row(i);
    double sum = x[i];
    for (std::size_t k = 0; k < i; ++k) sum -= l[k] * x[k];
    x[i] = sum / l[i];
  }
  for (std::size_t i = size_; i-- > 0;) {
    const double* l = factor_.data() + row(i);
    x[i] /= l[i];
    for (std::size_t k = 0; k < i; ++k) x[k] -= l[k] * x[i];
  }
}

}  // namespace unsuperpose
