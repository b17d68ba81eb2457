// What the kernels for AMX share. AMX (Intel processors from Sapphire Rapids on) has eight tile registers of 16 rows × 64 bytes, and one
// instruction that adds the product of two of them to a third: 16 × 16 sums over 64 bytes of dims in 16 cycles.
// Here four tiles hold the sums of 16 left rows with a panel of 64 right ones, one holds left rows and two take turns with right ones: a panel, which is
// what is large, is read once for 16 rows, and kDepth words of it stay in the first cache (48 KiB) while the rows of a block pass.
// A word-major panel is what a right tile wants: 16 words of 16 right rows, lines a panel apart.
#pragma once
#include <array>

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
/// Right rows of a panel, as in the level's float32 kernels.
inline constexpr std::size_t kPanel = 64;
/// Words multiplied at a time: 32 KiB of a panel.
inline constexpr std::size_t kDepth = 128;
/// Left rows of a call, at most.
inline constexpr std::size_t kRows = 96;
/// Panels that stay in L2 (2 MiB) beside left rows: from L3 they come slower than they are multiplied.
inline constexpr std::size_t kGroupBytes = std::size_t{1} << 20;

/// What ldtilecfg reads.
struct alignas(64) Shapes {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t bytes[16] = {};
  std::uint8_t rows[16] = {};

  constexpr Shapes() = default;
  /// Tiles 0 to 4 of `left` rows, 5 and 6 of kSide.
  explicit constexpr Shapes(std::size_t left) {
    for (std::size_t t = 0; t < 7; ++t) {
      bytes[t] = 64;
      rows[t] = static_cast<std::uint8_t>(t < 5 ? left : kSide);
    }
  }
};
/// By the number of left rows.
inline constexpr std::array<Shapes, kSide + 1> kShapes = [] {
  std::array<Shapes, kSide + 1> all;
  for (std::size_t left = 1; left <= kSide; ++left) all[left] = Shapes(left);
  return all;
}();

}  // namespace unsuperpose::product::amx
#endif
