#include "orthogonal_rows.hpp"

#include <cmath>
#include <utility>

#include "../core/sums.hpp"

namespace unsuperpose {

namespace {

/// A row whose part outside the span of the others is below this share of it is in it: float64 rounding of some hundred products.
constexpr double kDependent = 1e-12;

void subtract(double* v, double factor, const std::vector<double>& row) {
  for (std::size_t k = 0; k < row.size(); ++k) v[k] -= factor * row[k];
}

}  // namespace

void OrthogonalRows::add(std::uint32_t row, std::vector<double> v) {
  const double size = sums::norm(v.data(), dims_);
  std::vector<double> shares(basis_.size() + 1, 0);
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < basis_.size(); ++i) {
      const double share = sums::dot(basis_[i].data(), v.data(), dims_);
      shares[i] += share;
      subtract(v.data(), share, basis_[i]);
    }
  }
  const double left = sums::norm(v.data(), dims_);
  if (!(left > kDependent * size)) return;
  for (double& entry : v) entry /= left;
  shares.back() = left;
  kept_.push_back(row);
  basis_.push_back(std::move(v));
  shares_.push_back(std::move(shares));
}

void OrthogonalRows::project(double* v) const {
  for (int pass = 0; pass < 2; ++pass)
    for (const std::vector<double>& row : basis_) subtract(v, sums::dot(row.data(), v, dims_), row);
}

std::vector<double> OrthogonalRows::fit(const double* v) const {
  std::vector<double> left(v, v + dims_), coefficients(rank(), 0);
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < rank(); ++i) {
      const double share = sums::dot(basis_[i].data(), left.data(), dims_);
      coefficients[i] += share;
      subtract(left.data(), share, basis_[i]);
    }
  }
  for (std::size_t i = rank(); i-- > 0;) {
    coefficients[i] /= shares_[i][i];
    for (std::size_t k = 0; k < i; ++k) coefficients[k] -= coefficients[i] * shares_[i][k];
  }
  return coefficients;
}

}  // namespace unsuperpose
