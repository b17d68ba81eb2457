// Rounding to bytes with the instructions of Advanced SIMD, for both of its int8 kernels: included inside a kernel's namespace and
// target region. No include guard on purpose.
UNSUPERPOSE_INLINE Vector nearest(Vector v) { return vrndnq_f32(v); }
UNSUPERPOSE_INLINE void round_store(std::int8_t* p, Vector v) {
  const int16x4_t halves = vmovn_s32(vcvtnq_s32_f32(v));
  const int8x8_t bytes = vmovn_s16(vcombine_s16(halves, halves));
  vst1_lane_u32(reinterpret_cast<std::uint32_t*>(p), vreinterpret_u32_s8(bytes), 0);
}
#include "round-inl.hpp"
