// int8 by smlal, for processors without the dot product (Cortex-A53, A57 and A72, as in the Raspberry Pi 4 and Graviton 1): eight products
// an instruction, added to eight sums of 16 bits. Each of the four dims of a word has sums of its own; those of kBlock words are gathered
// before sadalp adds them to 32 bits by pairs, 2 + 2/kBlock instructions for 16 products. No sum is lost, because of how rows are rounded:
// over the kBlock dims of a block that share a sum, Σ r·l is at most ‖r‖‖l‖ ≤ kMost² < 2¹⁵ (Cauchy–Schwarz), and so is each sum on the way.
// Rows of 512 Gaussian entries get a scale that is 3 % larger on average.
#include "rounded.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::product::neon_smlal_int8 {
using namespace simd::neon;
using simd::neon::max, simd::neon::store;  // not the product's
// 24 sums of 16 bits, 4 of the panel and a broadcast: within 32 registers
constexpr std::size_t kTileRows = 3, kTileRegisters = 4, kPanel = kTileRegisters * kLanes;
constexpr std::size_t kBlock = 8, kWordDims = 4, kBlockDims = kBlock * kWordDims;
static_assert(kWordDims == kLanes, "a lane of floats is a dim of a word");
/// Norm, as integers, of the dims of a block that share a sum.
constexpr int kMost = 181;
static_assert(kMost * kMost < 32768);
/// What rounding to integers may add to such a norm, √8/2, and the arithmetic that measures it.
constexpr float kRounding = 1.5f;

#include "neon_bytes-inl.hpp"

/// max norm of the dims of a block that share a sum, relative to the row's largest entry
float block_size(const float* x, std::size_t dims, float peak) {
  const Vector factor = broadcast(1 / peak);
  Vector squares = zero();
  for (std::size_t first = 0; first < dims; first += kBlockDims) {
    Vector block = zero();
    for (std::size_t d = first; d < dims && d < first + kBlockDims; d += kLanes) {
      const Vector value = mul(dims - d < kLanes ? load_partial(x + d, dims - d) : load(x + d), factor);
      block = fma(value, value, block);
    }
    squares = max(block, squares);
  }
  return __builtin_sqrtf(largest(squares));
}

void round(const float* x, std::size_t dims, int levels, std::uint32_t* words, Rounding* out) {
  const float peak = peak_of(x, dims), all = static_cast<float>(levels);
  float size = 1;
  if (peak >= kSmallestPeak) {
    const float wanted = block_size(x, dims, peak) * (all / (kMost - kRounding));
    if (wanted > size) size = wanted;
  }
  round_to<std::int8_t>(x, dims, peak * size, levels, words, out);
}

UNSUPERPOSE_INLINE int8x16_t load_words(const std::uint32_t* p) { return vreinterpretq_s8_u32(vld1q_u32(p)); }
UNSUPERPOSE_INLINE int8x16_t broadcast_word(const std::uint32_t* p) {
  return vreinterpretq_s8_u32(vld1q_dup_u32(p));
}

template <std::size_t kRows>
void multiply_rows(const std::uint32_t* left, const std::uint32_t* right, std::size_t words,
                   const float* row_scales, const float* column_scales, float* c, std::size_t stride) {
  // Of the columns' first and second halves of a register. In memory: the registers hold a block's sums.
  int32x4_t wide[kRows][kTileRegisters][2];
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kTileRegisters; ++v) wide[r][v][0] = wide[r][v][1] = vdupq_n_s32(0);
  for (std::size_t first = 0; first < words; first += kBlock) {
    int16x8_t sums[kRows][kTileRegisters][2];
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t v = 0; v < kTileRegisters; ++v) sums[r][v][0] = sums[r][v][1] = vdupq_n_s16(0);
    const std::size_t count = words - first < kBlock ? words - first : kBlock;
    for (std::size_t w = 0; w < count; ++w) {
      int8x16_t column[kTileRegisters];
      for (std::size_t v = 0; v < kTileRegisters; ++v) column[v] = load_words(right + v * kLanes);
      for (std::size_t r = 0; r < kRows; ++r) {
        const int8x16_t x = broadcast_word(left + r);
        for (std::size_t v = 0; v < kTileRegisters; ++v) {
          sums[r][v][0] = vmlal_s8(sums[r][v][0], vget_low_s8(column[v]), vget_low_s8(x));
          sums[r][v][1] = vmlal_high_s8(sums[r][v][1], column[v], x);
        }
      }
      left += kRows;
      right += kPanel;
    }
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t v = 0; v < kTileRegisters; ++v)
        for (std::size_t h = 0; h < 2; ++h) wide[r][v][h] = vpadalq_s16(wide[r][v][h], sums[r][v][h]);
  }
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kTileRegisters; ++v) {
      const int32x4_t total = vpaddq_s32(wide[r][v][0], wide[r][v][1]);
      store(c + r * stride + v * kLanes,
            mul(mul(vcvtq_f32_s32(total), load(column_scales + v * kLanes)), broadcast(row_scales[r])));
    }
}

void multiply(std::size_t rows, const std::uint32_t* left, const std::uint32_t* right, std::size_t words,
              const std::int32_t*, const float* row_scales, const float* column_scales, float* c,
              std::size_t stride) {
  switch (rows) {
    case 1: return multiply_rows<1>(left, right, words, row_scales, column_scales, c, stride);
    case 2: return multiply_rows<2>(left, right, words, row_scales, column_scales, c, stride);
    default: return multiply_rows<3>(left, right, words, row_scales, column_scales, c, stride);
  }
}

constexpr RoundedKernels kKernels = {kTileRows, kWordDims, false, round, multiply};
}  // namespace unsuperpose::product::neon_smlal_int8
#endif
