// Rounding a row to integers with one scale: included inside a level's namespace and target region with the level's
// vector operations (simd/), which supplies besides
//   round_store(p, v)  v, whose values are within the levels, as integers at p (kLanes of them)
//   nearest(v)         v rounded to whole numbers, ties to even
// No include guard on purpose.

/// Rows whose largest entry is below this become zero: their scale would lose bits to underflow.
constexpr float kSmallestPeak = 1e-30f;
/// For the rounding errors of the sums that follow, and of a scale's reciprocal.
constexpr double kUp = 1 + 0x1.0p-12;

float peak_of(const float* x, std::size_t dims) {
  const std::size_t whole = dims / kLanes * kLanes;
  Vector peaks = zero();
  for (std::size_t d = 0; d < whole; d += kLanes) peaks = max(abs(load(x + d)), peaks);
  if (whole < dims) peaks = max(abs(load_partial(x + whole, dims - whole)), peaks);
  return largest(peaks);
}

/// Rounds with the scale at which `size`, no less than the largest entry, becomes `levels`.
template <class Integer>
void round_to(const float* x, std::size_t dims, float size, int levels, std::uint32_t* words, Rounding* out) {
  constexpr std::size_t kInWord = sizeof(std::uint32_t) / sizeof(Integer);
  const std::size_t padded = (dims + kInWord - 1) / kInWord * kInWord;
  const bool any = size >= kSmallestPeak;
  const float scale = any ? size / static_cast<float>(levels) : 0;
  const Vector factor = broadcast(any ? static_cast<float>(levels) / size : 0), minus = broadcast(-scale);
  auto* integers = reinterpret_cast<Integer*>(words);
  Vector squares = zero(), sum = zero();
  Doubles errors = doubles_zero();
  for (std::size_t d = 0; d < dims; d += kLanes) {
    const std::size_t n = dims - d < kLanes ? dims - d : kLanes;
    const Vector value = n == kLanes ? load(x + d) : load_partial(x + d, n);
    const Vector rounded = nearest(mul(value, factor));
    if (n == kLanes) {
      round_store(integers + d, rounded);
    } else {
      Integer tail[kLanes];
      round_store(tail, rounded);
      for (std::size_t k = 0; k < padded - d; ++k) integers[d + k] = tail[k];
    }
    const Vector error = fma(minus, rounded, value);
    errors = doubles_fma(low(error), low(error), errors);
    errors = doubles_fma(high(error), high(error), errors);
    squares = fma(rounded, rounded, squares);
    sum = add(sum, rounded);
  }
  float lanes[kLanes], sums[kLanes];
  store(lanes, squares);
  store(sums, sum);
  double square = 0, total = 0;
  for (std::size_t k = 0; k < kLanes; ++k) {
    square += static_cast<double>(lanes[k]);
    total += static_cast<double>(sums[k]);
  }
  out->scale = scale;
  out->sum = static_cast<std::int32_t>(total);
  out->norm = static_cast<double>(scale) * __builtin_sqrt(square) * kUp;
  out->error = __builtin_sqrt(doubles_sum(errors)) * kUp;
}

template <class Integer>
void round_integers(const float* x, std::size_t dims, int levels, std::uint32_t* words, Rounding* out) {
  round_to<Integer>(x, dims, peak_of(x, dims), levels, words, out);
}
