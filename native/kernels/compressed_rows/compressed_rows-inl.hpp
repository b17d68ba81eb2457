// The body, compiled once a level: included inside a level's namespace and target region. No include guard
// on purpose.

Compression compress(const float* row, std::size_t padded, std::int8_t* bytes) {
  constexpr float kLevels = 127;
  Vector most = zero();
  for (std::size_t j = 0; j < padded; j += kLanes) most = max(abs(load(row + j)), most);
  const float largest_entry = largest(most);
  const float scale = largest_entry / kLevels;
  // A row of subnormals has no reciprocal: it is all zeros then, and the error says so.
  const float inverse = largest_entry >= 0x1p-110f ? kLevels / largest_entry : 0;
  for (std::size_t j = 0; j < padded; ++j) {
    const float level = row[j] * inverse;
    bytes[j] = static_cast<std::int8_t>(static_cast<int>(level + __builtin_copysignf(0.5f, level)));
  }
  const Vector factor = broadcast(-scale);
  Vector worst = zero();
  for (std::size_t j = 0; j < padded; j += kLanes)
    worst = max(abs(fma(factor, load_bytes(bytes + j), load(row + j))), worst);
  // The error is itself rounded, relative to at most `largest_entry`.
  return {scale, largest_entry, largest(worst) + largest_entry * 0x1p-22f};
}

UNSUPERPOSE_INLINE Vector strength(Vector v, bool positive_only) { return positive_only ? v : abs(v); }

template <bool kOne>
UNSUPERPOSE_INLINE void subtract_rows(float* correlations, std::size_t padded, const std::int8_t* const* rows,
                                      const float* factors, std::size_t count, bool positive_only,
                                      float* block_max) {
  constexpr std::size_t kRegisters = 4;
  static_assert(kPadding % (kRegisters * kLanes) == 0 && kBlock % kPadding == 0 && kColumns % kLanes == 0);
  constexpr std::size_t kApart = kColumns / kLanes;  // registers from one entry of a column to the next
  const Vector one = broadcast(count > 0 ? -factors[0] : 0.0f);
  for (std::size_t first = 0; first < padded; first += kBlock) {
    const std::size_t end = padded - first < kBlock ? padded : first + kBlock;
    Vector most[kRegisters] = {zero(), zero(), zero(), zero()};
    for (std::size_t j = first; j < end; j += kRegisters * kLanes) {
      Vector sums[kRegisters];
      for (std::size_t r = 0; r < kRegisters; ++r) sums[r] = load(correlations + j + r * kLanes);
      if (kOne) {
        for (std::size_t r = 0; r < kRegisters; ++r)
          sums[r] = fma(one, load_bytes(rows[0] + j + r * kLanes), sums[r]);
      } else {
        for (std::size_t i = 0; i < count; ++i) {
          const Vector factor = broadcast(-factors[i]);
          for (std::size_t r = 0; r < kRegisters; ++r)
            sums[r] = fma(factor, load_bytes(rows[i] + j + r * kLanes), sums[r]);
        }
      }
      for (std::size_t r = 0; r < kRegisters; ++r) {
        store(correlations + j + r * kLanes, sums[r]);
        most[r] = max(strength(sums[r], positive_only), most[r]);
      }
    }
    for (std::size_t r = kApart; r < kRegisters; ++r) most[r % kApart] = max(most[r], most[r % kApart]);
    for (std::size_t r = 0; r < kApart; ++r)
      store(block_max + first / kBlock * kColumns + r * kLanes, most[r]);
  }
}

void subtract(float* correlations, std::size_t padded, const std::int8_t* const* rows, const float* factors,
              std::size_t count, bool positive_only, float* block_max) {
  if (count == 1)
    subtract_rows<true>(correlations, padded, rows, factors, count, positive_only, block_max);
  else
    subtract_rows<false>(correlations, padded, rows, factors, count, positive_only, block_max);
}

std::size_t above(const float* correlations, std::size_t padded, const float* block_max, float floor,
                  bool positive_only, std::size_t most, std::uint32_t* indices) {
  const Vector limit = broadcast(floor);
  std::size_t found = 0;
  for (std::size_t first = 0; first < padded; first += kBlock) {
    const std::size_t end = padded - first < kBlock ? padded : first + kBlock;
    const float* columns = block_max + first / kBlock * kColumns;
    for (std::size_t c = 0; c < kColumns; c += kLanes)
      for (std::uint32_t bits = greater(load(columns + c), limit); bits != 0; bits &= bits - 1)
        for (std::size_t j = first + c + static_cast<std::size_t>(__builtin_ctz(bits)); j < end;
             j += kColumns) {
          const float value = positive_only ? correlations[j] : __builtin_fabsf(correlations[j]);
          if (!(value > floor)) continue;
          if (found == most) return most + 1;
          indices[found++] = static_cast<std::uint32_t>(j);
        }
  }
  return found;
}

constexpr Table kTable = {compress, subtract, above};
