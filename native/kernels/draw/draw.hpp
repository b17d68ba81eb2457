// Drawing sparse features: a panel of samples (panels/panel.hpp) from a counter-based generator. A value is a hash of (row's key,
// key, sample), so that any sample can be drawn by itself, on any thread. Exact: all levels draw the same bits.
//
// What is left to gain: some 33 instructions for a register on AVX2, two of them multiplications of integers: at least 5.5 cycles where six
// instructions start in a cycle, 7.0 measured (78 % of that; AMD EPYC (Zen 3), one thread, 2026-11-26, others at work, the median of seven runs
// of build/bench_kernels). AVX-512: the same number for twice as many. neon: some 33 for a register of four (GCC 12, disassembled).
#pragma once
#include <cstddef>
#include <cstdint>

#include "../dispatch.hpp"
#include "../panels/panel.hpp"

namespace unsuperpose::draw {

using panels::kPanel;

/// How one feature is drawn: with u uniform on {0, …, 2³¹ − 1}, rounded to float32, its value is (u − offset)·scale where
/// low < u < high, else 0. low < 0 says that offset is 0.
struct Draw {
  std::uint32_t key0, key1;
  float low, high, offset, scale;
};

struct Table {
  /// Draws `count` features of the samples first … first + kPanel − 1. Bit s of active[i] says whether out[i][s] is above 0;
  /// `active` may be null.
  void (*draw)(const Draw* rows, std::size_t count, std::uint32_t key0, std::uint32_t key1,
               std::uint32_t first, float* out, std::uint32_t* active);
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::draw
