// An orthonormal basis of a few rows, in float64: what of a vector they span, and with which coefficients.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace unsuperpose {

/// Gram–Schmidt, twice ("twice is enough"). Rows that the ones before them span, to rounding, are left out.
class OrthogonalRows {
 public:
  explicit OrthogonalRows(std::size_t dims) : dims_(dims) {}
  std::size_t rank() const { return kept_.size(); }
  std::size_t dims() const { return dims_; }
  /// Row number `row` is v.
  void add(std::uint32_t row, std::vector<double> v);
  /// v less what the rows span.
  void project(double* v) const;
  /// The least squares coefficients of v on the rows: kept()[i] has the i-th, rows left out have 0.
  std::vector<double> fit(const double* v) const;
  const std::vector<std::uint32_t>& kept() const { return kept_; }

 private:
  std::size_t dims_;
  std::vector<std::uint32_t> kept_;
  std::vector<std::vector<double>> basis_;
  std::vector<std::vector<double>> shares_;  // row kept_[i] = Σ_k shares_[i][k] basis_[k], k ≤ i
};

}  // namespace unsuperpose
