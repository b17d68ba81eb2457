// The triangular factor of the Gram matrix of an active set, in float64: atoms join at the end and leave from anywhere.
//
// There are two ways to it. Cholesky on the Gram matrix costs O(size²) an atom, and loses twice the digits that the
// condition of the atoms takes; it says when an atom is so near to the span of the others that its pivot is in doubt. Then
// the factor is made orthogonally: a basis of the atoms by Gram–Schmidt, twice ("twice is enough": Giraud, Langou, Rozložník &
// van den Eshof 2005), whose triangle is the same factor to full accuracy, for O(size · dims) an atom.
#pragma once
#include <cstddef>
#include <vector>

namespace unsuperpose {

class ActiveFactor {
 public:
  std::size_t size() const { return size_; }
  bool orthogonal() const { return dims_ > 0; }
  /// An empty factor; with dims > 0, orthogonal over that many.
  void restart(std::size_t dims);

  /// Cholesky: appends an atom whose Gram entries with the members are `products` and with itself `diagonal`. False, with
  /// nothing changed, if the pivot (what of the atom the members do not span, squared) is in doubt. `certain`: take any
  /// positive pivot.
  bool append(const double* products, double diagonal, bool certain);
  /// Orthogonal: appends an atom. False, with nothing changed, if what the members do not span is below `floor` of its norm.
  bool append(const float* atom, double floor);
  bool append(const double* atom, double floor);

  /// Takes a member out and restores the triangle by Givens rotations (Golub & Van Loan §6.5.2), in O(size²), or
  /// O(size · dims) if orthogonal.
  void remove(std::size_t position);

  /// y with L Lᵀ y = rhs; may be the same memory.
  void solve(const double* rhs, double* y) const;
  /// The least squares coefficients of x on the members. Orthogonal only.
  void fit(const float* x, double* y) const;
  void fit(const double* x, double* y) const;

 private:
  template <class T>
  bool append_row(const T* atom, double floor);
  template <class T>
  void fit_to(const T* x, double* y) const;
  void rotate(std::size_t i, double cosine, double sine);
  void substitute_back(double* y) const;

  std::size_t size_ = 0, dims_ = 0;
  std::vector<double> factor_;     // L: row i starts at i(i + 1)/2
  std::vector<double> diagonals_;  // of the Gram matrix; Cholesky only
  std::vector<double> basis_;      // size × dims, orthonormal rows
};

}  // namespace unsuperpose
