// The micro-kernel on AMX tiles, compiled once for each precision: included inside a namespace and target region, which supplies
//   UNSUPERPOSE_AMX_PRODUCT(sums, left, right)   the instruction on tiles of these numbers
//   finish(rows, starts, row_scales, column_scales, sums, c, stride)   what becomes of rows of kPanel sums
// No include guard on purpose.

using amx::kSide, amx::kPanel, amx::kDepth;

/// Sums of 16 left rows, or as many as the tiles have been shaped for, with a panel of right ones: `words` words, a multiple of kSide, but for the
/// last ones, which `tail` has with zeros behind them. Begins with what `sums` has unless `first`. Tiles 0 to 3: sums; 4: left; 5, 6: right.
inline void multiply_tiles(const std::uint32_t* left, std::size_t left_words, const std::uint32_t* right,
                           std::size_t words, const std::uint32_t* tail, bool first, std::uint32_t* sums) {
  constexpr long kLine = kPanel * sizeof(std::uint32_t);
  const long row = static_cast<long>(left_words * sizeof(std::uint32_t));
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, kLine);
    _tile_loadd(1, sums + kSide, kLine);
    _tile_loadd(2, sums + 2 * kSide, kLine);
    _tile_loadd(3, sums + 3 * kSide, kLine);
  }
  for (std::size_t w = 0; w < words; w += kSide) {
    const std::uint32_t* const from = words - w < kSide ? tail : right + w * kPanel;
    _tile_loadd(4, left + w, row);
    _tile_loadd(5, from, kLine);
    UNSUPERPOSE_AMX_PRODUCT(0, 4, 5);
    _tile_loadd(6, from + kSide, kLine);
    UNSUPERPOSE_AMX_PRODUCT(1, 4, 6);
    _tile_loadd(5, from + 2 * kSide, kLine);
    UNSUPERPOSE_AMX_PRODUCT(2, 4, 5);
    _tile_loadd(6, from + 3 * kSide, kLine);
    UNSUPERPOSE_AMX_PRODUCT(3, 4, 6);
  }
  _tile_stored(0, sums, kLine);
  _tile_stored(1, sums + kSide, kLine);
  _tile_stored(2, sums + 2 * kSide, kLine);
  _tile_stored(3, sums + 3 * kSide, kLine);
}

void multiply_amx(std::size_t rows, const std::uint32_t* left, const std::uint32_t* right, std::size_t words,
                  const std::int32_t* starts, const float* row_scales, const float* column_scales, float* c,
                  std::size_t stride) {
  const std::size_t left_words = (words + kSide - 1) / kSide * kSide, whole = words / kSide * kSide;
  alignas(64) std::uint32_t tail[kSide * kPanel], sums[amx::kRows * kPanel];
  if (whole < words) {
    std::memcpy(tail, right + whole * kPanel, (words - whole) * kPanel * sizeof(std::uint32_t));
    std::memset(tail + (words - whole) * kPanel, 0,
                (kSide - (words - whole)) * kPanel * sizeof(std::uint32_t));
  }
  std::size_t shaped = 0;
  for (std::size_t from = 0; from < words; from += kDepth) {
    const std::size_t depth = words - from < kDepth ? words - from : kDepth;
    for (std::size_t r = 0; r < rows; r += kSide) {
      const std::size_t height = rows - r < kSide ? rows - r : kSide;
      std::uint32_t* const own = sums + (words > kDepth ? r * kPanel : 0);
      if (height != shaped) _tile_loadconfig(&amx::kShapes[height]);
      shaped = height;
      __asm__ volatile("" : : "r"(tail), "r"(sums) : "memory");
      multiply_tiles(left + r * left_words + from, left_words, right + from * kPanel, depth, tail, from == 0,
                     own);
      __asm__ volatile("" : : "r"(sums) : "memory");
      if (from + depth == words)
        finish(height, starts + r, row_scales + r, column_scales, own, c + r * stride, stride);
    }
  }
  _tile_release();
}
