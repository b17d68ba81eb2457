// int8 by sdot (the dot product extension of Armv8.2).
#include "rounded.hpp"
#include "../simd/neon.hpp"

#if defined(UNSUPERPOSE_HAS_NEON)
#if defined(__clang__)
#define UNSUPERPOSE_BEGIN_DOTPROD UNSUPERPOSE_BEGIN_TARGET_("dotprod")
#else
#define UNSUPERPOSE_BEGIN_DOTPROD UNSUPERPOSE_BEGIN_TARGET_("arch=armv8.2-a+dotprod")
#endif
namespace unsuperpose::product::neon_int8 {
UNSUPERPOSE_BEGIN_DOTPROD
using namespace simd::neon;
using simd::neon::max, simd::neon::store;  // not the product's
// 24 sums, 4 of the panel and a broadcast: what 32 registers hold
constexpr std::size_t kTileRows = 6, kTileRegisters = 4;
using Sums = int32x4_t;
using Words = int8x16_t;
UNSUPERPOSE_INLINE Sums sums_start(std::int32_t) { return vdupq_n_s32(0); }
UNSUPERPOSE_INLINE Words load_words(const std::uint32_t* p) { return vreinterpretq_s8_u32(vld1q_u32(p)); }
UNSUPERPOSE_INLINE Words broadcast_word(std::uint32_t w) { return vreinterpretq_s8_u32(vdupq_n_u32(w)); }
UNSUPERPOSE_INLINE Sums accumulate(Sums sums, Words right, Words left) {
  return vdotq_s32(sums, right, left);
}
UNSUPERPOSE_INLINE void store_scaled(float* p, Sums sums, const float* columns, float row) {
  store(p, mul(mul(vcvtq_f32_s32(sums), load(columns)), broadcast(row)));
}
#include "neon_bytes-inl.hpp"
#include "rounded-inl.hpp"

constexpr RoundedKernels kKernels = {kTileRows, 4, false, round_integers<std::int8_t>, multiply_rounded};
UNSUPERPOSE_END
}  // namespace unsuperpose::product::neon_int8
#endif
