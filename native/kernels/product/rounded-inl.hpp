// The micro-kernel of the rounded precisions, compiled once for each: included inside a level's namespace and target
// region, which supplies kTileRows, kTileRegisters, kLanes, the register type Sums and
//   sums_start(int)              every lane
//   load_words(p), broadcast_word(w)
//   accumulate(sums, right, left)  sums + the products of a word's dims, lane by lane
//   store_scaled(p, sums, column_scales, row_scale)
// No include guard on purpose.

constexpr std::size_t kRoundedPanel = kTileRegisters * kLanes;

template <std::size_t kRows>
void multiply_rounded_rows(const std::uint32_t* left, const std::uint32_t* right, std::size_t words,
                           const std::int32_t* starts, const float* row_scales, const float* column_scales,
                           float* c, std::size_t stride) {
  Sums sums[kRows][kTileRegisters];
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kTileRegisters; ++v) sums[r][v] = sums_start(starts[r]);
  for (std::size_t w = 0; w < words; ++w) {
    Words column[kTileRegisters];
    for (std::size_t v = 0; v < kTileRegisters; ++v) column[v] = load_words(right + v * kLanes);
    for (std::size_t r = 0; r < kRows; ++r) {
      const Words x = broadcast_word(left[r]);
      for (std::size_t v = 0; v < kTileRegisters; ++v) sums[r][v] = accumulate(sums[r][v], column[v], x);
    }
    left += kRows;
    right += kRoundedPanel;
  }
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kTileRegisters; ++v)
      store_scaled(c + r * stride + v * kLanes, sums[r][v], column_scales + v * kLanes, row_scales[r]);
}

using MultiplyRoundedRows = void (*)(const std::uint32_t*, const std::uint32_t*, std::size_t,
                                     const std::int32_t*, const float*, const float*, float*, std::size_t);

/// kRoundedRowKernels.of[r − 1] multiplies r rows.
template <std::size_t... kRows>
struct RoundedRowKernels {
  MultiplyRoundedRows of[sizeof...(kRows)] = {multiply_rounded_rows<kRows>...};
};
template <std::size_t kCount, std::size_t... kRows>
struct RoundedUpTo : RoundedUpTo<kCount - 1, kCount, kRows...> {};
template <std::size_t... kRows>
struct RoundedUpTo<0, kRows...> : RoundedRowKernels<kRows...> {};
constexpr RoundedUpTo<kTileRows> kRoundedRowKernels;

void multiply_rounded(std::size_t rows, const std::uint32_t* left, const std::uint32_t* right,
                      std::size_t words, const std::int32_t* starts, const float* row_scales,
                      const float* column_scales, float* c, std::size_t stride) {
  kRoundedRowKernels.of[rows - 1](left, right, words, starts, row_scales, column_scales, c, stride);
}
