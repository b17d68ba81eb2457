// What the kernels for AMX share. AMX (Intel processors from Sapphire Rapids on) has eight tile registers of 16 rows × 64 bytes, and one
// instruction that adds the product of two of them to a third: 16 × 16 sums over 64 bytes of dims in 16 cycles.
// Here four tiles hold sums, 32 left rows × 32 right ones, two hold left rows and two right ones: each is loaded once for two products.
// A word-major panel is what a right tile wants: 16 words of 16 right rows, lines a panel apart.
#pragma once
#include "../simd/avx512.hpp"
#include "rounded.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
#define UNSUPERPOSE_BEGIN_AMX                                                                              \
  UNSUPERPOSE_BEGIN_TARGET_(                                                                               \
      "amx-tile,amx-int8,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni,avx2,fma,f16c," \
      "popcnt")

namespace unsuperpose::product::amx {

/// Rows of a tile, and words in each of them.
inline constexpr std::size_t kSide = 16;
/// Left rows, and right ones, that four tiles of sums cover.
inline constexpr std::size_t kSums = 2 * kSide;

/// What ldtilecfg reads.
struct alignas(64) Shapes {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t bytes[16] = {};
  std::uint8_t rows[16] = {};
};

}  // namespace unsuperpose::product::amx
#endif
