// The body, compiled once a level: included inside a level's namespace and target region. No include guard
// on purpose.

UNSUPERPOSE_INLINE Vector soften(Vector v, Vector threshold, bool nonnegative) {
  if (nonnegative) {
    const Vector above = sub(v, threshold);
    return keep_unless_small(above, above);
  }
  const Vector above = sub(abs(v), threshold);
  return keep_unless_small(above, with_sign(above, v));
}

void soft(const float* v, float threshold, const float* weights, bool nonnegative, float* out,
          std::size_t n) {
  const Vector common = broadcast(threshold);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vector t = weights ? mul(common, load(weights + i)) : common;
    store(out + i, soften(load(v + i), t, nonnegative));
  }
  if (i < n) {
    const Vector t = weights ? mul(common, load_partial(weights + i, n - i)) : common;
    store_partial(out + i, soften(load_partial(v + i, n - i), t, nonnegative), n - i);
  }
}

constexpr Table kTable = {soft};
