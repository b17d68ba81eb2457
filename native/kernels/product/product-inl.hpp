// The body, compiled once a level: included inside a level's namespace and target region, where kTileRows
// and kTileRegisters give the tile's shape. No include guard on purpose.

constexpr std::size_t kPanel = kTileRegisters * kLanes;

/// The micro-kernel: kRows × kPanel sums stay in registers over the whole depth. Each step loads one
/// column of the panel and broadcasts kRows entries of the left tile.
template <std::size_t kRows>
void multiply_rows(const float* left, const float* right, std::size_t depth, float* c, std::size_t stride,
                   bool accumulate) {
  Vector sums[kRows][kTileRegisters];
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kTileRegisters; ++v)
      sums[r][v] = accumulate ? load(c + r * stride + v * kLanes) : zero();
  for (std::size_t d = 0; d < depth; ++d) {
    Vector column[kTileRegisters];
    for (std::size_t v = 0; v < kTileRegisters; ++v) column[v] = load(right + v * kLanes);
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector x = broadcast(left[r]);
      for (std::size_t v = 0; v < kTileRegisters; ++v) sums[r][v] = fma(x, column[v], sums[r][v]);
    }
    left += kRows;
    right += kPanel;
  }
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kTileRegisters; ++v) store(c + r * stride + v * kLanes, sums[r][v]);
}

using MultiplyRows = void (*)(const float*, const float*, std::size_t, float*, std::size_t, bool);

/// kRowKernels.of[r − 1] multiplies r rows.
template <std::size_t... kRows>
struct RowKernels {
  MultiplyRows of[sizeof...(kRows)] = {multiply_rows<kRows>...};
};
template <std::size_t kCount, std::size_t... kRows>
struct CountUpTo : CountUpTo<kCount - 1, kCount, kRows...> {};
template <std::size_t... kRows>
struct CountUpTo<0, kRows...> : RowKernels<kRows...> {};
constexpr CountUpTo<kTileRows> kRowKernels;

void multiply(std::size_t rows, const float* left, const float* right, std::size_t depth, float* c,
              std::size_t stride, bool accumulate) {
  kRowKernels.of[rows - 1](left, right, depth, c, stride, accumulate);
}

/// The strengths of one register of scores.
UNSUPERPOSE_INLINE Vector strengths(const float* scores, const float* scale, bool positive_only) {
  const Vector score = load(scores);
  const Vector strength = positive_only ? score : abs(score);
  return scale ? mul(strength, load(scale)) : strength;
}

void filter(const float* tile, std::size_t rows, std::size_t valid, const float* scale, bool positive_only,
            std::uint32_t first, Candidates* candidates) {
  const std::uint64_t inside = valid < 64 ? (std::uint64_t{1} << valid) - 1 : ~std::uint64_t{0};
  for (std::size_t r = 0; r < rows; ++r, tile += kPanel) {
    const Vector floor = broadcast(candidates[r].floor);
    std::uint64_t kept = 0;
    for (std::size_t v = 0; v < kTileRegisters; ++v) {
      const Vector strength = strengths(tile + v * kLanes, scale ? scale + v * kLanes : nullptr, positive_only);
      kept |= std::uint64_t{greater(strength, floor)} << (v * kLanes);
    }
    kept &= inside;
    if (kept == 0) continue;
    Entry* end = candidates[r].entries + candidates[r].count;
    for (; kept != 0; kept &= kept - 1) {
      const auto column = static_cast<std::uint32_t>(__builtin_ctzll(kept));
      *end++ = {tile[column], first + column};
    }
    candidates[r].count = static_cast<std::size_t>(end - candidates[r].entries);
  }
}

void strongest(const float* tile, std::size_t rows, std::size_t valid, const float* scale, bool positive_only,
               float* strongest) {
  if (valid == kPanel) {
    for (std::size_t r = 0; r < rows; ++r, tile += kPanel) {
      Vector best = broadcast(strongest[r]);
      for (std::size_t v = 0; v < kTileRegisters; ++v)
        best = max(strengths(tile + v * kLanes, scale ? scale + v * kLanes : nullptr, positive_only), best);
      strongest[r] = largest(best);
    }
    return;
  }
  for (std::size_t r = 0; r < rows; ++r, tile += kPanel)
    for (std::size_t j = 0; j < valid; ++j) {
      float strength = positive_only || tile[j] > 0 ? tile[j] : -tile[j];
      if (scale) strength *= scale[j];
      if (strength > strongest[r]) strongest[r] = strength;
    }
}
