// bfloat16 by vdpbf16ps.
#include "rounded.hpp"
#include "../simd/avx512.hpp"

#if defined(UNSUPERPOSE_HAS_AVX512)
#define UNSUPERPOSE_BEGIN_BF16 \
  UNSUPERPOSE_BEGIN_TARGET_("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c,popcnt")
namespace unsuperpose::product::avx512_bf16 {
UNSUPERPOSE_BEGIN_BF16
using namespace simd::avx512;
constexpr std::size_t kTileRows = 6, kTileRegisters = 4;
using Sums = Vector;
using Words = __m512bh;
UNSUPERPOSE_INLINE Sums sums_start(std::int32_t) { return zero(); }
UNSUPERPOSE_INLINE Words load_words(const std::uint32_t* p) {
  return reinterpret_cast<Words>(_mm512_load_si512(p));
}
UNSUPERPOSE_INLINE Words broadcast_word(std::uint32_t w) {
  return reinterpret_cast<Words>(_mm512_set1_epi32(static_cast<int>(w)));
}
UNSUPERPOSE_INLINE Sums accumulate(Sums sums, Words right, Words left) {
  return _mm512_dpbf16_ps(sums, right, left);
}
UNSUPERPOSE_INLINE void store_scaled(float* p, Sums sums, const float*, float) { store(p, sums); }

void round(const float* x, std::size_t dims, int, std::uint32_t* words, Rounding* out) {
  constexpr double kUp = 1 + 0x1.0p-12;
  auto* to = reinterpret_cast<std::uint16_t*>(words);
  Doubles squares = doubles_zero(), errors = doubles_zero();
  for (std::size_t d = 0; d < dims; d += kLanes) {
    const std::size_t n = dims - d < kLanes ? dims - d : kLanes;
    const Vector value = n == kLanes ? load(x + d) : load_partial(x + d, n);
    const __m256i narrow = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value));  // subnormals become zero
    // One more than dims where they are odd: zero, as load_partial left it.
    const auto kept = static_cast<__mmask16>((1u << (n + n % 2)) - 1);
    _mm256_mask_storeu_epi16(to + d, kept, narrow);
    const Vector rounded = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
    const Vector error = sub(value, rounded);
    squares = doubles_fma(low(rounded), low(rounded), doubles_fma(high(rounded), high(rounded), squares));
    errors = doubles_fma(low(error), low(error), doubles_fma(high(error), high(error), errors));
  }
  *out = {1, 0, __builtin_sqrt(doubles_sum(squares)) * kUp, __builtin_sqrt(doubles_sum(errors)) * kUp};
}
#include "rounded-inl.hpp"

constexpr RoundedKernels kKernels = {kTileRows, 2, false, round, multiply_rounded};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::avx512_bf16
#endif
