// int8 by vpmaddubsw: unsigned bytes on the right, signed ones on the left, two products summed in 16 bits. Sums of kBlock words are
// gathered there before they are widened, 2 + 2/kBlock instructions for 32 products. No sum is lost, because of how rows are rounded:
//   a pair of products saturates nowhere: |l₀| + |l₁| ≤ 128 for the two of a left row, times at most 255;
//   a block's sum fits 16 bits: Σ r·l over the 16 dims of a lane is at most ‖r‖‖l‖ ≤ kRightMost·kLeftMost < 2¹⁵ (Cauchy–Schwarz).
//   On the way there sums may wrap: they start from −128·Σ l, which takes out the offset of the right side, modulo 2¹⁶.
// Rows of Gaussian entries keep all their bits on the right, and lose half a bit on the left.
#include "rounded.hpp"
#include "../simd/avx2.hpp"

#if defined(UNSUPERPOSE_HAS_AVX2)
namespace unsuperpose::product::avx2_int8 {
UNSUPERPOSE_BEGIN_AVX2
using namespace simd::avx2;
using simd::avx2::max, simd::avx2::store;  // not the product's
// 9 sums, 3 of the panel, a broadcast, a product and ones: within 16 registers
constexpr std::size_t kTileRows = 3, kTileRegisters = 3, kPanel = kTileRegisters * kLanes;
constexpr std::size_t kBlock = 8, kWordDims = 4, kBlockDims = kBlock * kWordDims;
/// Norms, as integers, of the dims of a block that share a lane.
constexpr int kRightMost = 216, kLeftMost = 151;
static_assert(kRightMost * kLeftMost < 32768);
/// What rounding to integers may add to such a norm, √16/2, and the arithmetic that measures it.
constexpr float kRounding = 2.5f;

// Unsigned, so that sums may wrap.
typedef std::uint16_t Halves __attribute__((vector_size(32)));

#include "avx2_bytes-inl.hpp"

/// Of a row, relative to its largest entry.
struct Sizes {
  float pair = 1;   // max of |x_k| + |x_k+1|, k even
  float block = 1;  // max norm of the dims of a block that share a lane
};

Sizes sizes(const float* x, std::size_t dims, float peak) {
  const Vector factor = broadcast(1 / peak);
  Vector pairs = zero();
  __m128 squares = _mm_setzero_ps();
  for (std::size_t first = 0; first < dims; first += kBlockDims) {
    Vector block = zero();
    for (std::size_t d = first; d < dims && d < first + kBlockDims; d += kLanes) {
      const Vector value = abs(mul(dims - d < kLanes ? load_partial(x + d, dims - d) : load(x + d), factor));
      pairs = max(add(value, _mm256_permute_ps(value, 0xb1)), pairs);
      block = fma(value, value, block);
    }
    const __m128 halves = _mm_add_ps(_mm256_castps256_ps128(block), _mm256_extractf128_ps(block, 1));
    squares = _mm_max_ps(squares, _mm_hadd_ps(halves, halves));
  }
  const float most = _mm_cvtss_f32(_mm_max_ss(squares, _mm_shuffle_ps(squares, squares, 1)));
  return {largest(pairs), __builtin_sqrtf(most)};
}

UNSUPERPOSE_INLINE float larger(float a, float b) { return a > b ? a : b; }

void round_right(const float* x, std::size_t dims, int levels, std::uint32_t* words, Rounding* out) {
  const float peak = peak_of(x, dims), all = static_cast<float>(levels);
  float size = 1;
  if (peak >= kSmallestPeak) size = larger(1, sizes(x, dims, peak).block * (all / (kRightMost - kRounding)));
  round_to<std::int8_t>(x, dims, peak * size, levels, words, out);
}

void round_left(const float* x, std::size_t dims, int levels, std::uint32_t* words, Rounding* out) {
  const float peak = peak_of(x, dims), all = static_cast<float>(levels);
  float size = 1;
  if (peak >= kSmallestPeak) {
    const Sizes found = sizes(x, dims, peak);
    size = larger(found.pair, found.block * (all / (kLeftMost - kRounding)));
  }
  const std::size_t count = (dims + kWordDims - 1) / kWordDims, blocks = (count + kBlock - 1) / kBlock;
  std::uint32_t* const rounded = words + blocks;
  round_to<std::int8_t>(x, dims, peak * size, levels, rounded, out);
  for (std::size_t b = 0; b < blocks; ++b, words += 1 + kBlock) {
    const std::size_t n = count - b * kBlock < kBlock ? count - b * kBlock : kBlock;
    std::uint32_t block[kBlock] = {};
    for (std::size_t w = 0; w < n; ++w) block[w] = rounded[b * kBlock + w];
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
    const __m256i shifted = _mm256_maddubs_epi16(_mm256_set1_epi8(-128), bytes);  // 128 times each pair
    __m128i sums = _mm_add_epi16(_mm256_castsi256_si128(shifted), _mm256_extracti128_si256(shifted, 1));
    sums = _mm_add_epi16(sums, _mm_shuffle_epi32(sums, 0x4e));
    sums = _mm_add_epi16(sums, _mm_shuffle_epi32(sums, 0xb1));
    // To the left of what is still to be read.
    words[0] = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_sub_epi16(_mm_setzero_si128(), sums)));
    for (std::size_t w = 0; w < n; ++w) words[1 + w] = block[w];
  }
}

template <std::size_t kRows>
void multiply_rows(const std::uint32_t* left, const std::uint32_t* right, std::size_t words,
                   const float* row_scales, const float* column_scales, float* c, std::size_t stride) {
  __m256i wide[kRows][kTileRegisters];  // in memory: the registers hold a block's sums
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kTileRegisters; ++v) wide[r][v] = _mm256_setzero_si256();
  for (std::size_t first = 0; first < words; first += kBlock) {
    Halves sums[kRows][kTileRegisters];
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t v = 0; v < kTileRegisters; ++v)
        sums[r][v] = reinterpret_cast<Halves>(_mm256_set1_epi32(static_cast<int>(left[r])));
    left += kRows;
    const std::size_t count = words - first < kBlock ? words - first : kBlock;
    for (std::size_t w = 0; w < count; ++w) {
      __m256i column[kTileRegisters];
      for (std::size_t v = 0; v < kTileRegisters; ++v)
        column[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(right + v * kLanes));
      for (std::size_t r = 0; r < kRows; ++r) {
        const __m256i x = _mm256_set1_epi32(static_cast<int>(left[r]));
        for (std::size_t v = 0; v < kTileRegisters; ++v)
          sums[r][v] += reinterpret_cast<Halves>(_mm256_maddubs_epi16(column[v], x));
      }
      left += kRows;
      right += kPanel;
    }
    const __m256i ones = _mm256_set1_epi16(1);
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t v = 0; v < kTileRegisters; ++v)
        wide[r][v] =
            _mm256_add_epi32(wide[r][v], _mm256_madd_epi16(reinterpret_cast<__m256i>(sums[r][v]), ones));
  }
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kTileRegisters; ++v)
      store(c + r * stride + v * kLanes,
            mul(mul(_mm256_cvtepi32_ps(wide[r][v]), load(column_scales + v * kLanes)),
                broadcast(row_scales[r])));
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

constexpr RoundedKernels kKernels = {kTileRows, kWordDims, true, round_right, multiply, round_left, kBlock};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx2_int8
#endif
