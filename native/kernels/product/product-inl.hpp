// The body, compiled once a level: included inside a level's namespace and target region, where kTileRows
// and kTileRegisters give the tile's shape. No include guard on purpose.

constexpr std::size_t kPanel = kTileRegisters * kLanes;

/// The micro-kernel: kRows × kPanel sums stay in registers over the whole depth. Each step loads one
/// column of the panel and broadcasts kRows entries of the left tile.
template <std::size_t kRows>
void multiply_rows(const float* left, const float* right, std::size_t depth, float* c, std::size_t stride,
                   bool accumulate) {
  Vector sums[kRows][kTileRegisters];
  UNSUPERPOSE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    UNSUPERPOSE_UNROLL
    for (std::size_t v = 0; v < kTileRegisters; ++v)
      sums[r][v] = accumulate ? load(c + r * stride + v * kLanes) : zero();
  }
  for (std::size_t d = 0; d < depth; ++d) {
    Vector column[kTileRegisters];
    UNSUPERPOSE_UNROLL
    for (std::size_t v = 0; v < kTileRegisters; ++v) column[v] = load(right + v * kLanes);
    UNSUPERPOSE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector x = broadcast(left[r]);
      UNSUPERPOSE_UNROLL
      for (std::size_t v = 0; v < kTileRegisters; ++v) sums[r][v] = fma(x, column[v], sums[r][v]);
    }
    left += kRows;
    right += kPanel;
  }
  UNSUPERPOSE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    UNSUPERPOSE_UNROLL
    for (std::size_t v = 0; v < kTileRegisters; ++v) store(c + r * stride + v * kLanes, sums[r][v]);
  }
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
    Vector strength[kTileRegisters];
    std::uint64_t kept = 0;
    for (std::size_t v = 0; v < kTileRegisters; ++v) {
      strength[v] = strengths(tile + v * kLanes, scale ? scale + v * kLanes : nullptr, positive_only);
      kept |= std::uint64_t{greater(strength[v], floor)} << (v * kLanes);
    }
    kept &= inside;
    if (kept == 0) continue;
    Candidates& row = candidates[r];
    for (std::size_t v = 0; v < kTileRegisters; ++v, kept >>= kLanes) {
      const auto bits = static_cast<std::uint32_t>(kept & ((std::uint64_t{1} << kLanes) - 1));
      if (bits == 0) continue;
      compress(row.strengths + row.count, strength[v], bits);
      compress(row.values + row.count, load(tile + v * kLanes), bits);
      compress_indices(row.indices + row.count, first + static_cast<std::uint32_t>(v * kLanes), bits);
      row.count += static_cast<std::size_t>(__builtin_popcount(bits));
    }
  }
}

/// the bits of the lanes at `i` that hold one of `count` elements
UNSUPERPOSE_INLINE std::uint32_t lanes_inside(std::size_t count, std::size_t i) {
  return count - i >= kLanes ? ~std::uint32_t{0} : (std::uint32_t{1} << (count - i)) - 1;
}

UNSUPERPOSE_INLINE std::size_t count_above(const Candidates& candidates, float floor) {
  const Vector limit = broadcast(floor);
  std::size_t above = 0;
  for (std::size_t i = 0; i < candidates.count; i += kLanes)
    above += static_cast<std::size_t>(__builtin_popcount(greater(load(candidates.strengths + i), limit) &
                                                         lanes_inside(candidates.count, i)));
  return above;
}

/// A strength that at least `keep` candidates exceed, by bisection: far cheaper than a selection by swaps. `above`: how many do, at most
/// `enough` unless ties prevent that; fewer than `keep` where even the least is exceeded by too few.
float bisect(const Candidates& row, std::size_t keep, std::size_t enough, std::size_t& above) {
  constexpr int kSteps = 40;
  const Vector any = broadcast(row.strengths[0]), minus = broadcast(-1.0f);
  Vector most = any, least = mul(any, minus);
  for (std::size_t i = 0; i < row.count; i += kLanes) {
    // The zeros after the last one can only widen the interval.
    const std::size_t left = row.count - i;
    const Vector s = left >= kLanes ? load(row.strengths + i) : load_partial(row.strengths + i, left);
    most = max(s, most);
    least = max(mul(s, minus), least);
  }
  float low = -largest(least), high = largest(most);
  above = count_above(row, low);
  for (int step = 0; step < kSteps && above > enough; ++step) {
    const float middle = low + (high - low) * 0.5f;
    const std::size_t count = count_above(row, middle);
    if (count >= keep) {
      low = middle;
      above = count;
    } else {
      high = middle;
    }
  }
  return low;
}

/// Keeps what is stronger than the floor, in order.
void drop_below(Candidates& row, float floor) {
  const Vector limit = broadcast(floor);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < row.count; i += kLanes) {
    const Vector strength = load(row.strengths + i), value = load(row.values + i);
    const Vector index = load_bits(row.indices + i);
    const std::uint32_t bits = greater(strength, limit) & lanes_inside(row.count, i);
    compress(row.strengths + kept, strength, bits);
    compress(row.values + kept, value, bits);
    compress_bits(row.indices + kept, index, bits);
    kept += static_cast<std::size_t>(__builtin_popcount(bits));
  }
  row.count = kept;
  row.floor = floor;
}

bool cut(Candidates& row, std::size_t keep) {
  const std::size_t enough = keep + keep / 4;  // any floor that leaves `keep` will do
  std::size_t above = 0;
  const float low = bisect(row, keep, enough, above);
  if (above < keep || above > enough) return false;
  drop_below(row, low);
  return true;
}

void narrow(Candidates& row, std::size_t keep, float margin) {
  std::size_t above = 0;
  const float low = bisect(row, keep, keep, above);
  if (above < keep) return;
  const float floor = below(low - margin);
  if (floor > row.floor) drop_below(row, floor);
}

void order(const Candidates& row, std::size_t keep, Entry* out) {
  float positions[kLanes];
  for (std::size_t lane = 0; lane < kLanes; ++lane) positions[lane] = static_cast<float>(lane);
  for (std::size_t i = 0; i < row.count; i += kLanes) {
    const Vector mine = load(row.strengths + i);
    const Vector place = add(load(positions), broadcast(static_cast<float>(i)));
    Vector rank = zero();
    for (std::size_t j = 0; j < row.count; ++j)
      rank = count_before(rank, broadcast(row.strengths[j]), mine, broadcast(static_cast<float>(j)), place);
    float ranks[kLanes];
    store(ranks, rank);
    const std::size_t lanes = row.count - i < kLanes ? row.count - i : kLanes;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const auto at = static_cast<std::size_t>(ranks[lane]);
      if (at < keep) out[at] = {row.values[i + lane], row.indices[i + lane]};
    }
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

constexpr Kernels kTable = {kPanel, kTileRows, multiply, filter, cut, narrow, order, strongest};
