// The body, compiled once a level: included inside a level's namespace and target region. No include guard
// on purpose.

UNSUPERPOSE_INLINE Vector update(const Settings& settings, Vector gradient, Vector& first, Vector& second,
                                 Vector parameter) {
  first = fma(broadcast(1 - settings.beta1), sub(gradient, first), first);
  second = fma(broadcast(1 - settings.beta2), sub(mul(gradient, gradient), second), second);
  const Vector size =
      add(mul(square_root(second), broadcast(settings.correction)), broadcast(settings.epsilon));
  const Vector change = divide(mul(first, broadcast(settings.rate)), size);
  return sub(mul(parameter, broadcast(settings.decay)), change);
}

void step(const Settings& given, const float* gradient, float* first, float* second, float* parameters,
          std::size_t n) {
  const Settings settings =
      given;  // a copy: what is written might be settings, for all that the compiler knows
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t left = n - i;
    const bool whole = left >= kLanes;
    Vector m = whole ? load(first + i) : load_partial(first + i, left);
    Vector v = whole ? load(second + i) : load_partial(second + i, left);
    const Vector g = whole ? load(gradient + i) : load_partial(gradient + i, left);
    const Vector p = whole ? load(parameters + i) : load_partial(parameters + i, left);
    const Vector updated = update(settings, g, m, v, p);
    if (whole) {
      store(first + i, m);
      store(second + i, v);
      store(parameters + i, updated);
    } else {
      store_partial(first + i, m, left);
      store_partial(second + i, v, left);
      store_partial(parameters + i, updated, left);
    }
  }
}

constexpr Table kTable = {step};
