// Rounding to bytes with the instructions of AVX2, for both of its int8 kernels: included inside a kernel's namespace and target
// region. No include guard on purpose.
UNSUPERPOSE_INLINE Vector nearest(Vector v) {
  return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
UNSUPERPOSE_INLINE void round_store(std::int8_t* p, Vector v) {
  const __m256i integers = _mm256_cvtps_epi32(v);
  const __m128i halves =
      _mm_packs_epi32(_mm256_castsi256_si128(integers), _mm256_extracti128_si256(integers, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(halves, halves));
}
#include "round-inl.hpp"
