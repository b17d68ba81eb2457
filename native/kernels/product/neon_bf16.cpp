// bfloat16 by bfmmla (FEAT_BF16 of Armv8.6, optional from 8.2): 2 × 4 by 4 × 2 blocks into 2 × 2 sums.
//
// The instruction adds, for each sum, fl(acc + fl(a₀b₀ + a₁b₁)), then the same with the other two products. Every addition rounds
// to odd (an error below one unit in the last place, 2⁻²³ relative); products of bfloat16 are exact; subnormal operands and
// results count as zero. A product of n dims thus goes through at most ⌈n/2⌉ roundings (its pair's, and one for each later pair),
// and γ = ⌈n/2⌉·2⁻²³/(1 − ⌈n/2⌉·2⁻²³) ≤ error_bound(2n): the bound of rounded_error(). Rows are rounded without subnormals, and
// what sums below 2⁻¹²⁶ lose is in kRoundedUnderflow.
#include "rounded.hpp"
#include "../simd/neon.hpp"

// Clang's arm_neon.h has bfloat16 only where the whole file may use it; elsewhere the level does without.
#if defined(UNSUPERPOSE_HAS_NEON) && (!defined(__clang__) || defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC))
#if defined(__clang__)
#define UNSUPERPOSE_BEGIN_BF16 UNSUPERPOSE_BEGIN_TARGET_("bf16")
#else
#define UNSUPERPOSE_BEGIN_BF16 UNSUPERPOSE_BEGIN_TARGET_("arch=armv8.2-a+bf16")
#endif
namespace unsuperpose::product::neon_bf16 {
UNSUPERPOSE_BEGIN_BF16
using namespace simd::neon;
// 3 × 8 blocks of sums for the panel of the level's float32 kernels; what is left of 32 registers holds operands
constexpr std::size_t kTileRows = 6, kPanel = 16, kBlocks = kPanel / 2;

/// Two rows of the left tile over four dims: words (r, w), (r, w + 1), (r + 1, w), (r + 1, w + 1). `second` and `next` say
/// whether row r + 1 and word w + 1 are there.
template <std::size_t kRows>
UNSUPERPOSE_INLINE uint32x4_t left_block(const std::uint32_t* left, std::size_t r, bool second, bool next) {
  const uint32x2_t none = vdup_n_u32(0);
  const uint32x2_t here = second ? vld1_u32(left + r) : vld1_lane_u32(left + r, none, 0);
  const uint32x2_t after = !next    ? none
                           : second ? vld1_u32(left + kRows + r)
                                    : vld1_lane_u32(left + kRows + r, none, 0);
  return vcombine_u32(vzip1_u32(here, after), vzip2_u32(here, after));
}

template <std::size_t kRows>
UNSUPERPOSE_INLINE void step(const std::uint32_t* left, const std::uint32_t* right, bool next,
                             float32x4_t (*sums)[kBlocks]) {
  constexpr std::size_t kPairs = (kRows + 1) / 2;
  bfloat16x8_t rows[kPairs];
  for (std::size_t p = 0; p < kPairs; ++p)
    rows[p] = vreinterpretq_bf16_u32(left_block<kRows>(left, 2 * p, 2 * p + 1 < kRows, next));
  for (std::size_t j = 0; j < kPanel; j += 4) {
    const uint32x4_t here = vld1q_u32(right + j),
                     after = next ? vld1q_u32(right + kPanel + j) : vdupq_n_u32(0);
    const bfloat16x8_t low = vreinterpretq_bf16_u32(vzip1q_u32(here, after));
    const bfloat16x8_t high = vreinterpretq_bf16_u32(vzip2q_u32(here, after));
    for (std::size_t p = 0; p < kPairs; ++p) {
      sums[p][j / 2] = vbfmmlaq_f32(sums[p][j / 2], rows[p], low);
      sums[p][j / 2 + 1] = vbfmmlaq_f32(sums[p][j / 2 + 1], rows[p], high);
    }
  }
}

template <std::size_t kRows>
void multiply_rows(const std::uint32_t* left, const std::uint32_t* right, std::size_t words, float* c,
                   std::size_t stride) {
  constexpr std::size_t kPairs = (kRows + 1) / 2;
  float32x4_t sums[kPairs][kBlocks];
  for (std::size_t p = 0; p < kPairs; ++p)
    for (std::size_t b = 0; b < kBlocks; ++b) sums[p][b] = vdupq_n_f32(0);
  std::size_t w = 0;
  for (; w + 2 <= words; w += 2) step<kRows>(left + w * kRows, right + w * kPanel, true, sums);
  if (w < words) step<kRows>(left + w * kRows, right + w * kPanel, false, sums);
  for (std::size_t p = 0; p < kPairs; ++p)
    for (std::size_t b = 0; b < kBlocks; ++b) {
      vst1_f32(c + 2 * p * stride + 2 * b, vget_low_f32(sums[p][b]));
      if (2 * p + 1 < kRows) vst1_f32(c + (2 * p + 1) * stride + 2 * b, vget_high_f32(sums[p][b]));
    }
}

void multiply(std::size_t rows, const std::uint32_t* left, const std::uint32_t* right, std::size_t words,
              const std::int32_t*, const float*, const float*, float* c, std::size_t stride) {
  switch (rows) {
    case 1: return multiply_rows<1>(left, right, words, c, stride);
    case 2: return multiply_rows<2>(left, right, words, c, stride);
    case 3: return multiply_rows<3>(left, right, words, c, stride);
    case 4: return multiply_rows<4>(left, right, words, c, stride);
    case 5: return multiply_rows<5>(left, right, words, c, stride);
    default: return multiply_rows<6>(left, right, words, c, stride);
  }
}

/// To nearest, ties to even, by integers: the same whatever the processor's mode. Subnormals become zero.
void round(const float* x, std::size_t dims, int, std::uint32_t* words, Rounding* out) {
  constexpr double kUp = 1 + 0x1.0p-12;
  auto* to = reinterpret_cast<std::uint16_t*>(words);
  Doubles squares = doubles_zero(), errors = doubles_zero();
  for (std::size_t d = 0; d < dims; d += kLanes) {
    const std::size_t n = dims - d < kLanes ? dims - d : kLanes;
    const Vector value = n == kLanes ? load(x + d) : load_partial(x + d, n);
    const uint32x4_t bits = vreinterpretq_u32_f32(value);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t kept =
        vandq_u32(vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), vdupq_n_u32(0xffff0000));
    kept = vandq_u32(kept, vtstq_u32(kept, vdupq_n_u32(0x7f800000)));
    const Vector rounded = vreinterpretq_f32_u32(kept);
    std::uint16_t halves[kLanes];
    vst1_u16(halves, vshrn_n_u32(kept, 16));
    // One more than dims where they are odd: zero, as load_partial left it.
    for (std::size_t k = 0; k < n + n % 2; ++k) to[d + k] = halves[k];
    const Vector error = sub(value, rounded);
    squares = doubles_fma(low(rounded), low(rounded), doubles_fma(high(rounded), high(rounded), squares));
    errors = doubles_fma(low(error), low(error), doubles_fma(high(error), high(error), errors));
  }
  *out = {1, 0, __builtin_sqrt(doubles_sum(squares)) * kUp, __builtin_sqrt(doubles_sum(errors)) * kUp};
}

constexpr RoundedKernels kKernels = {kTileRows, 2, false, round, multiply};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::neon_bf16
#elif defined(UNSUPERPOSE_HAS_NEON)
namespace unsuperpose::product::neon_bf16 {
constexpr RoundedKernels kKernels = {};
}
#endif
