// What the integer kernels of AVX-512 share: included inside a namespace and target region, after simd/avx512.hpp's names.
// No include guard on purpose.

constexpr std::size_t kTileRows = 6, kTileRegisters = 4;
// Of 32-bit lanes, unlike __m512i: GCC 12 keeps an array of those in memory.
typedef std::int32_t Sums __attribute__((vector_size(64)));
using Words = __m512i;
UNSUPERPOSE_INLINE Sums sums_start(std::int32_t start) { return start - Sums{}; }
UNSUPERPOSE_INLINE Words load_words(const std::uint32_t* p) { return _mm512_load_si512(p); }
UNSUPERPOSE_INLINE Words broadcast_word(std::uint32_t w) { return _mm512_set1_epi32(static_cast<int>(w)); }
UNSUPERPOSE_INLINE void store_scaled(float* p, Sums sums, const float* columns, float row) {
  store(p, mul(mul(_mm512_cvtepi32_ps(reinterpret_cast<__m512i>(sums)), load(columns)), broadcast(row)));
}
UNSUPERPOSE_INLINE Vector nearest(Vector v) {
  return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
UNSUPERPOSE_INLINE void round_store(std::int8_t* p, Vector v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
}
UNSUPERPOSE_INLINE void round_store(std::int16_t* p, Vector v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(v)));
}
