// The correlations of all atoms with a residual that changes atom by atom, up to an error that is known:
//   d_j·r = d_j·b − Σ_i f_i (d_j·d_i),   b the residual to start from, f_i the changes of the chosen atoms' coefficients
// Three things are left out where they do not matter, and their sizes added up: what compressing the Gram matrix cost
// (|f_i|·error_i), rounding, and small changes of coefficients that wait (at most |pending_i|·max_j |d_i·d_j|).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "../scoring/compressed_gram.hpp"

namespace unsuperpose {

class LazyCorrelations {
 public:
  /// `gram` may be null: then there are no updates.
  LazyCorrelations(const CompressedGram* gram, std::size_t features, bool nonnegative);

  /// Starts from `correlations`, padded for compressed_rows::Table and changed from here on: each of `features` off by at most
  /// `error`, and none larger than `size`. `chosen` atoms take no part; their coefficients are those of the residual.
  void start(float* correlations, double error, double size, std::span<const std::uint32_t> chosen,
             const std::vector<double>& coefficients);

  /// What is known of correlations that are left for a while.
  struct Chosen {
    std::uint32_t atom;
    double applied, wanted;
  };
  struct Paused {
    std::vector<Chosen> chosen;
    double spent = 0, size = 0;
  };
  Paused pause() const { return {chosen_, spent_, size_}; }
  /// Goes on with the correlations that start() had, as they were left.
  void resume(float* correlations, const Paused& paused);

  /// These atoms take no part either.
  void exclude(std::span<const std::uint32_t> atoms);

  /// The atom at the end of `chosen` is new, and all coefficients may have changed. Reads its Gram row, which must be made.
  void add(std::span<const std::uint32_t> chosen, const std::vector<double>& coefficients);

  /// Applies every change that waits; false, with nothing changed, where a row that it takes is not made.
  bool refresh();
  bool waits() const { return pending_ > 0; }

  /// Does the error leave any atom out?
  bool tells() const { return largest_ > 2 * error(); }
  /// Finds the atoms that may have the largest |d_j·r| (nonnegative: d_j·r): ascending, valid until the next change.
  /// False, with none listed, if they are more than `most`.
  bool strong(std::size_t most, std::span<const std::uint32_t>& atoms);
  /// the largest strength, off by at most error(); 0 if there is none
  double largest() const { return largest_; }
  double error() const { return spent_ + pending_; }

 private:
  void apply(Chosen& chosen);
  void subtract();
  void measure();

  const CompressedGram* gram_;
  const std::size_t features_, padded_;
  const bool nonnegative_;
  float* correlations_ = nullptr;
  std::vector<Chosen> chosen_;
  double spent_ = 0, pending_ = 0;
  double size_ = 0;  // no correlation is larger: what rounding is relative to
  double largest_ = 0;

  std::vector<const std::int8_t*> rows_;
  std::vector<float> factors_;
  std::vector<float> block_max_;
  AlignedBuffer<std::uint32_t> strong_;
};

}  // namespace unsuperpose
