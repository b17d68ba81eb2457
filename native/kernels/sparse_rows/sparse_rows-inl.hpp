// The body, compiled once a level: included inside a level's namespace and target region. No include guard
// on purpose.

/// One strip of kStrip registers, its sums held there over all the rows: nothing is written in between.
template <std::size_t kStrip>
UNSUPERPOSE_INLINE Doubles residual_strip(const float* x, const std::uint32_t* indices, const float* values,
                                          std::size_t count, const float* dictionary, std::size_t stride,
                                          float* out) {
  Doubles sums[2 * kStrip];
  for (std::size_t s = 0; s < kStrip; ++s) {
    const Vector v = x ? load(x + s * kLanes) : zero();
    sums[2 * s] = low(v);
    sums[2 * s + 1] = high(v);
  }
  for (std::size_t k = 0; k < count; ++k) {
    const float* row = dictionary + indices[k] * stride;
    const Doubles factor = doubles_broadcast(-static_cast<double>(values[k]));
    for (std::size_t s = 0; s < kStrip; ++s) {
      const float* at = row + s * kLanes;
      sums[2 * s] = doubles_fma(factor, doubles_load(at), sums[2 * s]);
      sums[2 * s + 1] = doubles_fma(factor, doubles_load(at + kDoubleLanes), sums[2 * s + 1]);
    }
  }
  Doubles energy = doubles_zero();
  for (std::size_t s = 0; s < kStrip; ++s) {
    store(out + s * kLanes, narrow(sums[2 * s], sums[2 * s + 1]));
    energy = doubles_fma(sums[2 * s], sums[2 * s], energy);
    energy = doubles_fma(sums[2 * s + 1], sums[2 * s + 1], energy);
  }
  return energy;
}

double residual(const float* x, const std::uint32_t* indices, const float* values, std::size_t count,
                const float* dictionary, std::size_t stride, std::size_t dims, float* out) {
  constexpr std::size_t kWide = 4;
  Doubles energy = doubles_zero();
  std::size_t d = 0;
  for (; d + kWide * kLanes <= dims; d += kWide * kLanes)
    energy = doubles_add(energy, residual_strip<kWide>(x ? x + d : nullptr, indices, values, count,
                                                       dictionary + d, stride, out + d));
  for (; d + kLanes <= dims; d += kLanes)
    energy = doubles_add(energy, residual_strip<1>(x ? x + d : nullptr, indices, values, count,
                                                   dictionary + d, stride, out + d));
  if (d < dims) {
    const std::size_t n = dims - d;
    const Vector start = x ? load_partial(x + d, n) : zero();
    Doubles lo = low(start), hi = high(start);
    for (std::size_t k = 0; k < count; ++k) {
      const Vector v = load_partial(dictionary + indices[k] * stride + d, n);
      const Doubles factor = doubles_broadcast(-static_cast<double>(values[k]));
      lo = doubles_fma(factor, low(v), lo);
      hi = doubles_fma(factor, high(v), hi);
    }
    store_partial(out + d, narrow(lo, hi), n);
    energy = doubles_fma(lo, lo, energy);
    energy = doubles_fma(hi, hi, energy);
  }
  return doubles_sum(energy);
}

void axpy(float factor, const float* x, float* y, std::size_t n) {
  const Vector f = broadcast(factor);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, fma(f, load(x + i), load(y + i)));
  if (i < n) store_partial(y + i, fma(f, load_partial(x + i, n - i), load_partial(y + i, n - i)), n - i);
}

template <std::size_t kStrip>
UNSUPERPOSE_INLINE void residual32_strip(const float* x, const float* const* rows, const float* factors,
                                         std::size_t count, std::size_t at, float* out) {
  Vector sums[kStrip];
  for (std::size_t s = 0; s < kStrip; ++s) sums[s] = load(x + at + s * kLanes);
  for (std::size_t i = 0; i < count; ++i) {
    const Vector factor = broadcast(-factors[i]);
    for (std::size_t s = 0; s < kStrip; ++s) sums[s] = fma(factor, load(rows[i] + at + s * kLanes), sums[s]);
  }
  for (std::size_t s = 0; s < kStrip; ++s) store(out + at + s * kLanes, sums[s]);
}

void residual32(const float* x, const float* const* rows, const float* factors, std::size_t count,
                std::size_t dims, float* out) {
  constexpr std::size_t kWide = 8;
  std::size_t d = 0;
  for (; d + kWide * kLanes <= dims; d += kWide * kLanes)
    residual32_strip<kWide>(x, rows, factors, count, d, out);
  // What is left, in few strips: one register alone would wait for each of its sums.
  const auto strip = [&]<std::size_t kStrip>() {
    if (d + kStrip * kLanes > dims) return;
    residual32_strip<kStrip>(x, rows, factors, count, d, out);
    d += kStrip * kLanes;
  };
  strip.template operator()<4>();
  strip.template operator()<2>();
  strip.template operator()<1>();
  if (d == dims) return;
  const std::size_t n = dims - d;
  Vector sum = load_partial(x + d, n);
  for (std::size_t i = 0; i < count; ++i)
    sum = fma(broadcast(-factors[i]), load_partial(rows[i] + d, n), sum);
  store_partial(out + d, sum, n);
}

constexpr Table kTable = {residual, residual32, axpy};
