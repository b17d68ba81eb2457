// Scoring in low precision, rigorously. Rows are rounded to a format whose products are cheap, with the norm of
// what the rounding cost computed exactly; a score is then off by at most (d, r rows, d̂, r̂ as rounded)
//   |d·r − score| ≤ ‖d − d̂‖‖r̂‖ + ‖d‖‖r − r̂‖ + γ‖d̂‖‖r̂‖
// with γ of the arithmetic: score_error(). What the bound leaves open is scored again in float32 or float64.
//
//   float32    as it is: one dim a 32-bit word
//   bfloat16   8 bits of significand, products and sums in float32 (vdpbf16ps, bfmmla): two dims a word
//   int16      integers ±levels with one scale a row, sums in int32, exact (vpmaddwd): two dims a word. levels is the largest
//              whose sums cannot overflow: √(2³¹/dims), some 2,000 at 512 dims
//   int8       integers ±127 with one scale a row, sums in int32, exact (vpdpbusd, sdot): four dims a word
#pragma once
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "../../core/aligned.hpp"
#include "../../core/execution.hpp"
#include "../../core/view.hpp"
#include "../isa.hpp"

namespace unsuperpose::product {

// Most exact first. A precision is a name here, its levels and rounding errors in precision.cpp, its kernels in rounded.hpp, and its place
// on the ladder in scoring/scorer.cpp.
#define UNSUPERPOSE_PRECISIONS(DO) DO(float32) DO(bfloat16) DO(int16) DO(int8)

#define UNSUPERPOSE_ENUMERATOR(name) name,
enum class Precision : std::uint8_t { UNSUPERPOSE_PRECISIONS(UNSUPERPOSE_ENUMERATOR) };
#undef UNSUPERPOSE_ENUMERATOR
#define UNSUPERPOSE_ENUMERATOR(name) Precision::name,
inline constexpr Precision kEveryPrecision[] = {UNSUPERPOSE_PRECISIONS(UNSUPERPOSE_ENUMERATOR)};
#undef UNSUPERPOSE_ENUMERATOR
inline constexpr std::size_t kPrecisions = std::size(kEveryPrecision);

/// The precision's name as above.
const char* precision_name(Precision precision);

/// What rounding a row came to. Norms are upper bounds (of the exact values by a part in 4,000 at most).
struct Rounding {
  float scale = 1;       // the row is scale · integers; 1 for formats without integers
  std::int32_t sum = 0;  // Σ of the integers (int8; else 0)
  double norm = 0;       // ‖r̂‖
  double error = 0;      // ‖r − r̂‖
};

/// A level's kernels for one precision.
struct RoundedKernels {
  std::size_t rows;       // left rows in a full tile; the panel is that of the level's float32 kernels
  std::size_t word_dims;  // dims in a 32-bit word
  bool offset;            // the right-hand side is stored as unsigned bytes, 128 more than their value

  /// Rounds `dims` floats into ⌈dims/word_dims⌉ words, zeros where dims end inside one. `levels` as above.
  void (*round)(const float* x, std::size_t dims, int levels, std::uint32_t* words, Rounding* out);

  /// c[r·stride + j] = row_scales[r]·column_scales[j]·(starts[r] + Σ_w left[w·rows + r] ⊙ right[w·panel + j]), ⊙ the
  /// products of a word's dims; scales and starts play no part in formats without integers.
  void (*multiply)(std::size_t rows, const std::uint32_t* left, const std::uint32_t* right, std::size_t words,
                   const std::int32_t* starts, const float* row_scales, const float* column_scales, float* c,
                   std::size_t stride);

  /// Rounds a left row, where that differs from a right one; into left_words(⌈dims/word_dims⌉) words.
  void (*round_left)(const float* x, std::size_t dims, int levels, std::uint32_t* words,
                     Rounding* out) = nullptr;
  /// A left row has a word more before every so many, from which their sums start; 0: it has none, and `starts` counts.
  std::size_t start_every = 0;

  std::size_t left_words(std::size_t words) const {
    return start_every == 0 ? words : words + (words + start_every - 1) / start_every;
  }
};

/// The kernels of a precision, or null: the level has none, this processor lacks them, or `dims` are too many for
/// exact sums. Always null for float32.
const RoundedKernels* rounded_kernels(Precision precision, std::size_t dims, Isa isa = active_isa());

/// ± this many levels at that many dims (0 for bfloat16).
int levels(Precision precision, std::size_t dims);

/// γ above, with what underflow adds at most (for rows of norms up to 1e18) apart.
double rounded_error(Precision precision, std::size_t dims);
inline constexpr double kRoundedUnderflow =
    0x1.0p-115;  // a dim: sums of products below 2⁻¹²⁶ may be flushed to zero

struct LeftRows;

/// Left rows, rounded. Reuses its memory.
class RoundedRows {
 public:
  void assign(const LeftRows& rows, Precision precision, Isa isa, const Execution& execution);

  std::size_t count() const { return scales_.size(); }
  std::size_t words() const { return words_; }
  const std::uint32_t* row(std::size_t i) const { return data_.data() + i * words_; }
  const float* scales() const { return scales_.data(); }
  const std::int32_t* starts() const { return starts_.data(); }
  double norm(std::size_t i) const { return norms_[i]; }
  double error(std::size_t i) const { return errors_[i]; }

 private:
  AlignedBuffer<std::uint32_t> data_;
  std::size_t words_ = 0;
  std::vector<float> scales_;
  std::vector<std::int32_t> starts_;
  std::vector<double> norms_, errors_;
};

}  // namespace unsuperpose::product
