// The micro-kernel on AMX tiles, compiled once for each precision: included inside a namespace and target region, which supplies
//   UNSUPERPOSE_AMX_PRODUCT(sums, left, right)   the instruction on tiles of these numbers
//   finish(rows, starts, row_scales, column_scales, sums, c, stride)   what becomes of kSums columns of sums, kSums apart
// No include guard on purpose.

using amx::kSide, amx::kSums;
constexpr std::size_t kAmxPanel = 64;  // of the level's float32 kernels

/// Sums of `rows` left rows with kSums right ones, into `sums`, kSums apart. Tiles 0 to 3: sums; 4, 5: left; 6, 7: right.
void multiply_tiles(std::size_t rows, const std::uint32_t* left, std::size_t left_words,
                    const std::uint32_t* right, std::size_t words, const std::uint32_t* tail,
                    std::uint32_t* sums) {
  constexpr long kLine = kAmxPanel * sizeof(std::uint32_t), kOut = kSums * sizeof(std::uint32_t);
  const long row = static_cast<long>(left_words * sizeof(std::uint32_t));
  const bool lower = rows > kSide;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::size_t w = 0; w < words; w += kSide) {
    const std::uint32_t* const from = words - w < kSide ? tail : right + w * kAmxPanel;
    _tile_loadd(4, left + w, row);
    _tile_loadd(6, from, kLine);
    _tile_loadd(7, from + kSide, kLine);
    UNSUPERPOSE_AMX_PRODUCT(0, 4, 6);
    UNSUPERPOSE_AMX_PRODUCT(1, 4, 7);
    if (lower) {
      _tile_loadd(5, left + kSide * left_words + w, row);
      UNSUPERPOSE_AMX_PRODUCT(2, 5, 6);
      UNSUPERPOSE_AMX_PRODUCT(3, 5, 7);
    }
  }
  _tile_stored(0, sums, kOut);
  _tile_stored(1, sums + kSide, kOut);
  if (lower) {
    _tile_stored(2, sums + kSide * kSums, kOut);
    _tile_stored(3, sums + kSide * kSums + kSide, kOut);
  }
}

void multiply_amx(std::size_t rows, const std::uint32_t* left, const std::uint32_t* right, std::size_t words,
                  const std::int32_t* starts, const float* row_scales, const float* column_scales, float* c,
                  std::size_t stride) {
  const std::size_t left_words = (words + kSide - 1) / kSide * kSide, whole = words / kSide * kSide;
  alignas(64) std::uint32_t tail[kSide * kAmxPanel], sums[kSums * kSums];
  if (whole < words) {
    std::memcpy(tail, right + whole * kAmxPanel, (words - whole) * kAmxPanel * sizeof(std::uint32_t));
    std::memset(tail + (words - whole) * kAmxPanel, 0,
                (kSide - (words - whole)) * kAmxPanel * sizeof(std::uint32_t));
  }
  amx::Shapes shapes;
  const auto upper = static_cast<std::uint8_t>(rows < kSide ? rows : kSide),
             lower = static_cast<std::uint8_t>(rows > kSide ? rows - kSide : 1);
  const std::uint8_t heights[] = {upper, upper, lower, lower, upper, lower, kSide, kSide};
  for (std::size_t t = 0; t < sizeof heights; ++t) {
    shapes.bytes[t] = 64;
    shapes.rows[t] = heights[t];
  }
  // The compiler does not know what the tile instructions read and write.
  __asm__ volatile("" : : "r"(tail), "r"(&shapes) : "memory");
  _tile_loadconfig(&shapes);
  for (std::size_t half = 0; half < kAmxPanel; half += kSums) {
    multiply_tiles(rows, left, left_words, right + half, words, tail + half, sums);
    __asm__ volatile("" : : "r"(sums) : "memory");
    finish(rows, starts, row_scales, column_scales + half, sums, c + half, stride);
  }
  _tile_release();
}
