// The Cholesky factor of the Gram matrix of an active set, in float64: atoms join at the end and leave from anywhere.
#pragma once
#include <cstddef>
#include <vector>

namespace unsuperpose {

class ActiveCholesky {
 public:
  std::size_t size() const { return size_; }
  void clear();

  /// Appends an atom whose Gram entries with the members are `products` and with itself `diagonal`. False, with nothing
  /// changed, if the pivot (what of the atom the members do not span, squared) is not above `floor`.
  bool append(const double* products, double diagonal, double floor);

  /// Takes a member out and restores the triangle by Givens rotations (Golub & Van Loan §6.5.2), in O(size²).
  void remove(std::size_t position);

  /// x with L Lᵀ x = rhs; may be the same memory.
  void solve(const double* rhs, double* x) const;

 private:
  std::vector<double> factor_;  // row i starts at i(i + 1)/2
  std::size_t size_ = 0;
};

}  // namespace unsuperpose
