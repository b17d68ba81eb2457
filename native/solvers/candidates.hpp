// The atoms that a sample's path may use: their products with the sample and with one another, in float64.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "../scoring/dictionary.hpp"

namespace unsuperpose {

/// Owns its arrays. A position (0 … size − 1) is a place in the set; atoms() says which feature is there.
class Candidates {
 public:
  std::size_t size() const { return atoms_.size(); }
  const std::vector<std::uint32_t>& atoms() const { return atoms_; }
  /// pointers to the atoms' rows in the dictionary
  const float* const* rows() const { return rows_.data(); }
  double weight(std::size_t i) const { return weights_[i]; }
  void set_weight(std::size_t i, double weight) { weights_[i] = weight; }
  double target(std::size_t i) const { return targets_[i]; }        // d_i·x
  double squared_norm(std::size_t i) const { return squares_[i]; }  // ‖d_i‖²
  std::size_t dims() const { return dims_; }
  const float* sample() const { return sample_; }
  /// The same sample at another place: sets that live on say where it is now.
  void set_sample(const float* x) { sample_ = x; }

  /// From here on with all parts of the sample and of the atoms, in float64: what rows() and sample() have is no longer all.
  /// Before the first atom.
  void widen(std::vector<double> sample) { wide_sample_ = std::move(sample); }
  bool wide() const { return !wide_sample_.empty(); }
  const double* wide_row(std::size_t i) const { return wide_rows_[i].data(); }
  const double* wide_sample() const { return wide_sample_.data(); }

  /// Appends an atom that is not in the set, for the sample x.
  void add(const Dictionary& dictionary, const float* x, std::uint32_t atom, double weight);

  /// d_i·d_j for every j in the set, computed when first asked for; valid until the set changes. Float32 data have exact
  /// products in float64, so the knots are as exact as float64 sums are; the float32 Gram matrix of the dictionary
  /// would blur them.
  const double* products(std::size_t i);

  std::size_t bytes() const;
  /// Forgets the products, which are computed again when asked for.
  void release();

 private:
  std::vector<std::uint32_t> atoms_;
  std::vector<const float*> rows_;
  std::vector<double> weights_, targets_, squares_;
  std::vector<std::vector<double>> products_;
  std::size_t dims_ = 0;
  const float* sample_ = nullptr;
  std::vector<double> wide_sample_;
  std::vector<std::vector<double>> wide_rows_;
};

}  // namespace unsuperpose
