// The body, compiled once a level: included inside a level's namespace and target region. No include guard
// on purpose. Four chains a sum: enough to keep the adders busy, few enough to fold quickly.

UNSUPERPOSE_INLINE double fold4(const Doubles* sums) {
  return doubles_sum(doubles_add(doubles_add(sums[0], sums[1]), doubles_add(sums[2], sums[3])));
}

double squared_norm(const float* x, std::size_t n) {
  Doubles sums[4] = {doubles_zero(), doubles_zero(), doubles_zero(), doubles_zero()};
  std::size_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const Vector u = load(x + i), v = load(x + i + kLanes);
    sums[0] = doubles_fma(low(u), low(u), sums[0]);
    sums[1] = doubles_fma(high(u), high(u), sums[1]);
    sums[2] = doubles_fma(low(v), low(v), sums[2]);
    sums[3] = doubles_fma(high(v), high(v), sums[3]);
  }
  for (; i < n; i += kLanes) {
    const Vector u = i + kLanes <= n ? load(x + i) : load_partial(x + i, n - i);
    sums[0] = doubles_fma(low(u), low(u), sums[0]);
    sums[1] = doubles_fma(high(u), high(u), sums[1]);
  }
  return fold4(sums);
}

double absolute_sum(const float* x, std::size_t n) {
  Doubles sums[4] = {doubles_zero(), doubles_zero(), doubles_zero(), doubles_zero()};
  std::size_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const Vector u = abs(load(x + i)), v = abs(load(x + i + kLanes));
    sums[0] = doubles_add(sums[0], low(u));
    sums[1] = doubles_add(sums[1], high(u));
    sums[2] = doubles_add(sums[2], low(v));
    sums[3] = doubles_add(sums[3], high(v));
  }
  for (; i < n; i += kLanes) {
    const Vector u = abs(i + kLanes <= n ? load(x + i) : load_partial(x + i, n - i));
    sums[0] = doubles_add(sums[0], low(u));
    sums[1] = doubles_add(sums[1], high(u));
  }
  return fold4(sums);
}

float max_absolute(const float* x, std::size_t n) {
  Vector a = zero(), b = zero();
  std::size_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    a = max(abs(load(x + i)), a);
    b = max(abs(load(x + i + kLanes)), b);
  }
  for (; i < n; i += kLanes) a = max(abs(i + kLanes <= n ? load(x + i) : load_partial(x + i, n - i)), a);
  return largest(max(a, b));
}

bool all_finite(const float* x, std::size_t n) {
  // x·0 is 0 for a finite x and NaN otherwise, and a NaN stays in the sum.
  const Vector nothing = zero();
  Vector a = zero(), b = zero();
  std::size_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    a = fma(load(x + i), nothing, a);
    b = fma(load(x + i + kLanes), nothing, b);
  }
  for (; i < n; i += kLanes) a = fma(i + kLanes <= n ? load(x + i) : load_partial(x + i, n - i), nothing, a);
  float lanes[kLanes];
  store(lanes, add(a, b));
  bool finite = true;
  for (std::size_t lane = 0; lane < kLanes; ++lane) finite &= lanes[lane] == 0;
  return finite;
}

constexpr Table kTable = {squared_norm, absolute_sum, max_absolute, all_finite};
