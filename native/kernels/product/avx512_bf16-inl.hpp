// Rounding a row to bfloat16: included inside a namespace and target region with AVX-512 BF16.
// No include guard on purpose.

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
