// One sample of an orthogonal matching pursuit: the atoms chosen so far, the least squares code on them, and which atom
// correlates most with what is left. Float32 scores say which atoms may; what they leave open is decided in float64.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "../core/aligned.hpp"
#include "../scoring/dictionary.hpp"
#include "least_squares.hpp"

namespace unsuperpose {

/// What a thread works with on one sample after the other.
struct PursuitScratch {
  explicit PursuitScratch(std::size_t dims) : residual(dims) {}
  AlignedBuffer<float> residual;
  std::vector<double> exact;  // the residual in float64, and as two floats
  std::vector<float> high, low;
  std::vector<float> values;
  std::vector<const float*> rows;
  std::vector<std::uint32_t> open;
  std::vector<double> strengths;  // of `open`
  std::vector<double> products;
};

struct PursuitSample {
  /// Takes all atoms out. Keeps its arrays, unless they are large.
  void clear();
  /// Of a sample without atoms. x has `squared_norm` in [¼, 1) or is zero.
  void start(const float* x, double squared_norm, const Dictionary& dictionary, bool nonnegative);

  /// ‖x‖² − ‖γD_I‖²: ‖x − γD_I‖² up to kEnergyRounding·parts()².
  double energy() const { return squared_norm_ - fit.explained(); }
  /// ‖x‖ + Σ|γ_k|‖d_k‖: what the rounding of a residual is relative to.
  double parts() const;
  /// A residual in float64 is off by less than this.
  double rounding() const;
  /// Is ‖x − γD_I‖ at most `bound`, or zero to float64 rounding?
  bool reached(double bound, PursuitScratch& scratch) const;

  /// Adds the atom to the support and solves again. False, with nothing changed, if it depends on the support.
  bool append(std::uint32_t atom, PursuitScratch& scratch);
  /// Drops atoms until the code is positive; answers whether there were any to drop.
  bool make_nonnegative();

  /// The strongest by |d_j·r| (nonnegative: by d_j·r) of a few atoms, the lowest index among equals; features() if what
  /// all of them have is rounding.
  std::size_t strongest(std::span<const std::uint32_t> atoms, PursuitScratch& scratch);
  /// The same of scratch.open, all in float64.
  std::size_t strongest_exactly(PursuitScratch& scratch);
  /// The correlations of scratch.open in float64, into scratch.strengths.
  void weigh(PursuitScratch& scratch) const;

  /// x − γD_I into scratch.exact; returns its norm.
  double exact_residual(PursuitScratch& scratch) const;
  /// The same, rounded once to float32; `error` is what it is off by at most. Returns its squared norm.
  double residual(float* out, double& error) const;
  /// The same for the code rounded to float32.
  double coded_residual(float* out, PursuitScratch& scratch) const;

  std::vector<std::uint32_t> support;
  LeastSquares fit;

 private:
  void correct(PursuitScratch& scratch);
  double summed(const std::vector<std::uint32_t>& atoms, const std::vector<float>& values, float* out) const;

  std::vector<const float*> atoms_;
  const Dictionary* dictionary_ = nullptr;
  const float* x_ = nullptr;
  double squared_norm_ = 0;
  bool nonnegative_ = false;
};

}  // namespace unsuperpose
