// Gram rows of one byte an entry, and the correlations that they bring up to date: the inner step of Batch-OMP (Rubinstein,
// Zibulevsky & Elad 2008) on a compressed Gram matrix. The correlations of all atoms with a residual change by a few rows, and the
// few atoms that may be the strongest are picked out. What the bytes cost in accuracy the caller knows and adds up; exact
// correlations of those few decide.
//
// A vector of correlations has `padded` entries, a multiple of kPadding; an entry that is NaN takes part in nothing
// and stays NaN: so are the padding and the atoms that were chosen.
//
// Accuracy: a correlation is off by what the bytes are, Σ_i|factors[i]|·error(row i), and the roundings of as many fused multiply-adds.
//
// What is left to gain, for a register of floats of a row (of correlations, in compress). Least: by the units that bench/kernels.cpp
// measures (two multiply-adds, two loads, 1.5 conversions of bytes, one store, six instructions a cycle). AMD EPYC (Zen 3), one thread,
// from L1, 2026-11-26, others at work: the median of seven runs of build/bench_kernels, the fastest in brackets.
//
//   avx2, avx512        the inner loop, for how many registers                      least    cycles
//   compress            three passes, 37, 8 and 5 instructions, for 4, 1 and 1     3.7      7.5 (5.9)    49 % of the peak
//   subtract, one row   4 vpmovsxbd, 4 vcvtdq2ps, 4 vfmadd, 4 vmax of 31, for 4    1.3      2.3 (1.7)    56 %
//   subtract, three     the same of 19, for 4; 22 more for three rows              1.1      1.5 (1.4)    75 %
//
//   neon (GCC 12, disassembled): subtract, one row: 4 fmla, 6 loads of 49 instructions, for 4: .33 multiply-adds an instruction. Each
//   register loads four bytes and widens them twice; one load of 16 for all four would save six instructions.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../dispatch.hpp"

namespace unsuperpose::compressed_rows {

/// Vectors and rows start on 64-byte boundaries and are read up to the next multiple of this many entries.
inline constexpr std::size_t kPadding = 64;
/// The largest strengths are kept for columns of blocks, entries kColumns apart, so that looking for the strong ones
/// skips most.
inline constexpr std::size_t kBlock = 256, kColumns = 16;
/// floats for the largest strengths of `padded` entries
inline constexpr std::size_t block_max_size(std::size_t padded) {
  return (padded + kBlock - 1) / kBlock * kColumns;
}

/// A Gram row as bytes.
struct Compression {
  float scale;    // entry j is about scale·byte_j
  float largest;  // max_j |row_j|
  float error;    // max_j |row_j − scale·byte_j|, rounding of this figure included
};

struct Table {
  /// Writes `padded` bytes for a row of as many finite entries: row_j/scale to the nearest whole number, scale = largest/127. The
  /// bytes, scale and largest are the same at every level. A row whose largest is below 2⁻¹¹⁰ becomes zeros.
  Compression (*compress)(const float* row, std::size_t padded, std::int8_t* bytes);

  /// correlations_j −= Σ_i factors[i]·rows[i][j], and block_max[b·kColumns + c] = the largest strength in column c of block b:
  /// |correlation|, or with positive_only the correlation, at least 0. Each fused multiply-add rounds once (scalar level: twice).
  void (*subtract)(float* correlations, std::size_t padded, const std::int8_t* const* rows,
                   const float* factors, std::size_t count, bool positive_only, float* block_max);

  /// Writes the indices of the entries whose strength is above `floor`, in no order, and returns their number; once they
  /// are more than `most`, most + 1 at once.
  std::size_t (*above)(const float* correlations, std::size_t padded, const float* block_max, float floor,
                       bool positive_only, std::size_t most, std::uint32_t* indices);
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::compressed_rows
