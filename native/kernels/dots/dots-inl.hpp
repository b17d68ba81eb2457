// The body, compiled once a level: included inside a level's namespace and target region. No include guard
// on purpose.

// A block is kBlockRows × 4 entries, a register of partial sums along dims for each: kBlockRows is what the
// register file of the level holds, and sums4 folds four columns at a time.
constexpr std::size_t kColumns = 4;

/// kRows × 4 entries: every entry is one chain a lane over dims, then one fixed tree over the lanes, so it
/// does not depend on where in a block it stands.
template <std::size_t kRows>
UNSUPERPOSE_INLINE void gram_block(const float* const* a, const float* const* b, std::size_t dims,
                                   float (*out)[kColumns]) {
  Vector sums[kRows][kColumns];
  UNSUPERPOSE_UNROLL
  for (std::size_t i = 0; i < kRows; ++i) {
    UNSUPERPOSE_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j) sums[i][j] = zero();
  }
  const std::size_t whole = dims / kLanes * kLanes;
  for (std::size_t d = 0; d < whole; d += kLanes) {
    Vector left[kRows];
    UNSUPERPOSE_UNROLL
    for (std::size_t i = 0; i < kRows; ++i) left[i] = load(a[i] + d);
    UNSUPERPOSE_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j) {
      const Vector right = load(b[j] + d);
      UNSUPERPOSE_UNROLL
      for (std::size_t i = 0; i < kRows; ++i) sums[i][j] = fma(left[i], right, sums[i][j]);
    }
  }
  if (whole < dims) {
    const std::size_t n = dims - whole;
    Vector left[kRows];
    UNSUPERPOSE_UNROLL
    for (std::size_t i = 0; i < kRows; ++i) left[i] = load_partial(a[i] + whole, n);
    UNSUPERPOSE_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j) {
      const Vector right = load_partial(b[j] + whole, n);
      UNSUPERPOSE_UNROLL
      for (std::size_t i = 0; i < kRows; ++i) sums[i][j] = fma(left[i], right, sums[i][j]);
    }
  }
  UNSUPERPOSE_UNROLL
  for (std::size_t i = 0; i < kRows; ++i) sums4(sums[i][0], sums[i][1], sums[i][2], sums[i][3], out[i]);
}

void gram(const float* const* a, std::size_t a_count, const float* const* b, std::size_t b_count,
          std::size_t dims, float* out, std::size_t stride) {
  // Where the rows are the last columns (a Gram matrix, or the rows that it grows by), the square they
  // share is symmetric: only the blocks that touch its lower triangle are computed.
  const bool symmetric = a >= b && a + a_count == b + b_count;
  const std::size_t offset = symmetric ? b_count - a_count : 0;
  for (std::size_t j = 0; j < b_count; j += kColumns) {
    const std::size_t columns = b_count - j < kColumns ? b_count - j : kColumns;
    const float* right[kColumns];
    for (std::size_t c = 0; c < kColumns; ++c) right[c] = b[j + (c < columns ? c : columns - 1)];
    const std::size_t first = symmetric && j > offset ? (j - offset) / kBlockRows * kBlockRows : 0;
    for (std::size_t i = first; i < a_count; i += kBlockRows) {
      const std::size_t rows = a_count - i < kBlockRows ? a_count - i : kBlockRows;
      float block[kBlockRows][kColumns];
      if (rows == kBlockRows) {
        gram_block<kBlockRows>(a + i, right, dims, block);
      } else {
        constexpr std::size_t kHalf = kBlockRows / 2;
        std::size_t r = 0;
        for (; r + kHalf <= rows; r += kHalf) gram_block<kHalf>(a + i + r, right, dims, block + r);
        for (; r < rows; ++r) gram_block<1>(a + i + r, right, dims, block + r);
      }
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < columns; ++c) {
          out[(i + r) * stride + j + c] = block[r][c];
          if (symmetric && j + c >= offset) out[(j + c - offset) * stride + offset + i + r] = block[r][c];
        }
    }
  }
}

/// rows[0 … kRows) · x, two chains a row. The rows of `next` are fetched meanwhile: they lie scattered in the last cache or
/// in memory, and a block takes about as long as they need to arrive.
template <std::size_t kRows, std::size_t kNext>
UNSUPERPOSE_INLINE void correlate_block(const float* const* rows, const float* x, std::size_t dims,
                                        double* out, const float* const* next) {
  Doubles lo[kRows], hi[kRows];
  UNSUPERPOSE_UNROLL
  for (std::size_t i = 0; i < kRows; ++i) lo[i] = hi[i] = doubles_zero();
  const std::size_t whole = dims / kLanes * kLanes;
  for (std::size_t d = 0; d < whole; d += kLanes) {
    UNSUPERPOSE_UNROLL
    for (std::size_t i = 0; i < kNext; ++i) __builtin_prefetch(next[i] + d);
    const Doubles right_lo = doubles_load(x + d), right_hi = doubles_load(x + d + kDoubleLanes);
    UNSUPERPOSE_UNROLL
    for (std::size_t i = 0; i < kRows; ++i) {
      lo[i] = doubles_fma(doubles_load(rows[i] + d), right_lo, lo[i]);
      hi[i] = doubles_fma(doubles_load(rows[i] + d + kDoubleLanes), right_hi, hi[i]);
    }
  }
  if (whole < dims) {
    const Vector right = load_partial(x + whole, dims - whole);
    UNSUPERPOSE_UNROLL
    for (std::size_t i = 0; i < kRows; ++i) {
      const Vector left = load_partial(rows[i] + whole, dims - whole);
      lo[i] = doubles_fma(low(left), low(right), lo[i]);
      hi[i] = doubles_fma(high(left), high(right), hi[i]);
    }
  }
  UNSUPERPOSE_UNROLL
  for (std::size_t i = 0; i < kRows; ++i) out[i] = doubles_sum(doubles_add(lo[i], hi[i]));
}

void correlate(const float* const* rows, std::size_t count, const float* x, std::size_t dims, double* out) {
  constexpr std::size_t kTogether = 4;
  std::size_t i = 0;
  for (; i + 2 * kTogether <= count; i += kTogether)
    correlate_block<kTogether, kTogether>(rows + i, x, dims, out + i, rows + i + kTogether);
  for (; i + kTogether <= count; i += kTogether)
    correlate_block<kTogether, 0>(rows + i, x, dims, out + i, nullptr);
  switch (count - i) {
    case 3: return correlate_block<3, 0>(rows + i, x, dims, out + i, nullptr);
    case 2: return correlate_block<2, 0>(rows + i, x, dims, out + i, nullptr);
    case 1: return correlate_block<1, 0>(rows + i, x, dims, out + i, nullptr);
    default: break;
  }
}

double dot(const float* a, const float* b, std::size_t dims) {
  double sum;
  correlate_block<1, 0>(&a, b, dims, &sum, nullptr);
  return sum;
}

/// kRows dot products, two chains each
template <std::size_t kRows>
UNSUPERPOSE_INLINE void correlate32_rows(const float* const* rows, const float* x, std::size_t dims,
                                         float* out) {
  Vector even[kRows], odd[kRows];
  for (std::size_t i = 0; i < kRows; ++i) even[i] = odd[i] = zero();
  std::size_t d = 0;
  for (; d + 2 * kLanes <= dims; d += 2 * kLanes) {
    const Vector u = load(x + d), v = load(x + d + kLanes);
    for (std::size_t i = 0; i < kRows; ++i) {
      even[i] = fma(load(rows[i] + d), u, even[i]);
      odd[i] = fma(load(rows[i] + d + kLanes), v, odd[i]);
    }
  }
  for (; d < dims; d += kLanes) {
    const std::size_t n = dims - d < kLanes ? dims - d : kLanes;
    const Vector u = n == kLanes ? load(x + d) : load_partial(x + d, n);
    for (std::size_t i = 0; i < kRows; ++i)
      even[i] = fma(n == kLanes ? load(rows[i] + d) : load_partial(rows[i] + d, n), u, even[i]);
  }
  Vector sums[4] = {zero(), zero(), zero(), zero()};
  for (std::size_t i = 0; i < kRows; ++i) sums[i] = add(even[i], odd[i]);
  float four[4];
  sums4(sums[0], sums[1], sums[2], sums[3], four);
  for (std::size_t i = 0; i < kRows; ++i) out[i] = four[i];
}

void correlate32(const float* const* rows, std::size_t count, const float* x, std::size_t dims, float* out) {
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) correlate32_rows<4>(rows + i, x, dims, out + i);
  for (; i < count; ++i) correlate32_rows<1>(rows + i, x, dims, out + i);
}

constexpr Table kTable = {gram, correlate, correlate32, dot, kLanes};
