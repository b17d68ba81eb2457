// The few atoms that a sample's LASSO is being solved on, with their Gram matrix and codes.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../kernels/descent/descent.hpp"
#include "../scoring/dictionary.hpp"

namespace unsuperpose {

/// Owns its arrays. Positions (0 … size−1) are places in the set; atoms() says which feature is where.
class WorkingSet {
 public:
  std::size_t size() const { return atoms_.size(); }
  const std::vector<std::uint32_t>& atoms() const { return atoms_; }
  /// pointers to the atoms' rows in the dictionary
  const float* const* rows() const { return rows_.data(); }
  float* code() const { return vectors_.data(); }
  float* correlation() const { return vectors_.data() + stride_; }
  float* threshold() const { return vectors_.data() + 2 * stride_; }
  float* inverse() const { return vectors_.data() + 3 * stride_; }

  /// Takes all atoms out. Keeps its arrays, unless they are large.
  void clear();

  /// Makes room for `size` atoms.
  void reserve(std::size_t size) {
    if (size > stride_) grow(size);
  }

  /// Appends an atom with code 0 and soft threshold λ·w. Its Gram row is made by complete_gram().
  void add(const Dictionary& dictionary, std::uint32_t atom, float threshold);

  /// Sets the correlations of the atoms from position `first` on with a residual, computed in float64.
  void correlate_new(std::size_t first, const float* residual, std::size_t dims,
                     std::vector<double>& scratch);

  /// Computes what the Gram matrix lacks since it was last complete.
  void complete_gram(const Dictionary& dictionary, double ridge);

  /// Frees the Gram matrix if the set is so large that keeping one a sample would not fit in memory.
  void release_large_gram();

  /// The inner problem; valid until the set changes. Needs a complete Gram matrix.
  descent::Problem problem(double ridge, bool nonnegative) const;

 private:
  void grow(std::size_t size);

  std::vector<std::uint32_t> atoms_;
  std::vector<const float*> rows_;
  AlignedBuffer<float> gram_;
  AlignedBuffer<float> vectors_;  // code, correlation, threshold, inverse: stride_ floats each
  std::size_t stride_ = 0;        // of gram_; also the capacity of the vectors
  std::size_t gram_size_ = 0;     // atoms whose Gram rows are there
};

}  // namespace unsuperpose
