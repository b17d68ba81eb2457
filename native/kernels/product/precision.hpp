// Scoring in low precision, rigorously. Rows are rounded to a format whose products are cheap, with the norm of
// what the rounding cost computed exactly; a score is then off by at most (d, r rows, d̂, r̂ as rounded)
//   |d·r − score| ≤ ‖d − d̂‖‖r̂‖ + ‖d‖‖r − r̂‖ + γ‖d̂‖‖r̂‖
// with γ of the arithmetic: score_error(). What the bound leaves open is scored again in float32 or float64.
//
//   float32    as it is: one dim a 32-bit word
//   bfloat16   8 bits of significand, products and sums in float32 (tdpbf16ps, vdpbf16ps, bfmmla): two dims a word
//   int16      integers ±levels with one scale a row, sums in int32, exact (vpdpwssd, vpmaddwd): two dims a word. levels is the largest
//              whose sums cannot overflow: √(2³¹/dims), some 2,000 at 512 dims
//   int8       integers ±127 with one scale a row, sums in int32, exact (tdpbsud, vpdpbusd, vpmaddubsw, sdot, smlal): four dims a word. Where sums
//              gather in 16 bits first, rows whose entries are of one size get a larger scale, so that they fit (avx2_int8.cpp)
//
// What is left to gain. One step of the inner loop, a word of every row and column of the tile, and what it reaches from L1 beside
// float32's peak of two fused multiply-adds a cycle (50 a ns at 3.14 GHz): AMD EPYC (Zen 3), one thread, 2026-11-26, bench/kernels.cpp.
//
//   avx2       tile    a step                                      multiply-adds  ceiling        measured, 512 dims
//              r × c                                               an instruction (cycles/step)  of float32's time
//   float32    4 × 24  12 vfmadd, 3 loads, 4 broadcasts            5.1            6              1.00 (95 % of the peak)
//   int16      3 × 24  9 vpmaddwd, 9 vpaddd, 3 + 3 loads           6              4.5, met 5.8   .64
//   int8       3 × 24  9 vpmaddubsw, 9 vpaddw, 3 + 3 loads; every  12             4.5, met 5.9   .38
//                      eighth step 9 vpmaddwd, 9 vpaddd besides                   + .7
//   with VNNI  4 × 24  12 vpdpbusd, 3 loads, 4 broadcasts          20             6              not measured (.25 by count)
//
// Four pipes take additions and two of them multiplications, which says 4.5 cycles for 9 and 9. The processor hands additions to the
// multipliers too: 9 vpmaddwd and 9 vpaddd on registers alone take 5.7, in every order tried: int16 at .63, this int8 at .36.
//
// Intel Xeon (Sapphire Rapids), one thread, from L1 and L2, 2026-11-27, bench/kernels.cpp; float32 reaches 102 multiply-adds a ns. AMX tiles could
// do 16 (bfloat16) and 32 (int8) times what two vfmadd a cycle do: 5.2 ns a product of tiles; int8 takes 10. The rest is sums that are stored,
// scaled and stored again, and right rows, of which 32 KiB stay in L1 while up to 96 left rows pass.
//
//   avx512     tile    a step                                      multiply-adds  measured, 512 dims
//              r × c                                               an instruction of float32's time
//   float32    6 × 64  24 vfmadd, 4 loads, 6 broadcasts            11             1.00
//   int16      6 × 64  24 vpmaddwd, 24 vpaddd, 4 + 6 loads         13             .85
//     VNNI     6 × 64  24 vpdpwssd, 4 + 6 loads                    23             .52
//   int8 VNNI  6 × 64  24 vpdpbusd, 4 + 6 loads                    45             .25
//     AMX      16 × 64 of 16 words: 4 tdpbsud, 5 tile loads        7,282          .062
//   bfloat16   6 × 64  24 vdpbf16ps, 4 + 6 loads                   23             1.78
//     AMX      16 × 64 of 16 words: 4 tdpbf16ps, 5 tile loads      3,641          .13
//
//   neon       tile    a step (GCC 12, disassembled)               multiply-adds  loads          of 24 multiplications, cycles with
//              r × c                                               an instruction an instruction 4 pipes / 2 pipes
//   float32    6 × 16  24 fmla in 37 instructions                  2.6            .19            6 / 12: 16 / 8 multiply-adds a cycle
//   int8       6 × 16  24 sdot in 43 instructions                  8.9            .19            6 / 12: 64 / 32
//     smlal    3 × 16  24 smlal in 34 instructions; every eighth   4.1            .2             6 / 12: 32 / 16; 6.8 / 13.5 with
//                      step some 100 more, 24 of them sadalp                                     sadalp
//   bfloat16   6 × 16  24 bfmmla in 66 instructions, two words     5.8            .21            6 / 12: 64 / 32
// The last column counts four pipes for these instructions, as Apple's M processors and Graviton 3 have for multiply-adds of 128 bits, or two,
// as Graviton 2. None has been timed; smlal is for processors that are neither.
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
  /// Left rows lie one after the other in a tile, zeros after their last word up to a multiple of this many, and multiply() reads
  /// left[r·left_words + w] instead; 0: words-major, as above.
  std::size_t row_multiple = 0;
  /// With fewer dims than this other kernels are faster.
  std::size_t fewest_dims = 0;
  /// Of panels that stay in a cache while all blocks of left rows pass: L3.
  static constexpr std::size_t kGroupBytes = std::size_t{8} << 20;
  std::size_t group_bytes = kGroupBytes;

  std::size_t left_words(std::size_t words) const {
    if (row_multiple > 0) return (words + row_multiple - 1) / row_multiple * row_multiple;
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
