// The body, compiled once a level: included inside a level's namespace and target region. Uses the level's vector
// operations (simd/), and the compilers' vector extension, which lowers to whatever the region allows. No
// include guard on purpose.

typedef float VectorF __attribute__((vector_size(kLanes * sizeof(float)), may_alias));
typedef double VectorD __attribute__((vector_size(kLanes * sizeof(float)), may_alias));

/// c −= delta · row over `padded` floats
inline void subtract(float* c, const float* row, float delta, std::size_t padded) {
  for (std::size_t i = 0; i < padded; i += kLanes)
    *reinterpret_cast<VectorF*>(c + i) -= delta * *reinterpret_cast<const VectorF*>(row + i);
}

/// y −= factor · x over doubles [first, padded), `first` rounded down to a whole register
inline void subtract(double* y, const double* x, double factor, std::size_t first, std::size_t padded) {
  for (std::size_t i = first / kDoubleLanes * kDoubleLanes; i < padded; i += kDoubleLanes)
    *reinterpret_cast<VectorD*>(y + i) -= factor * *reinterpret_cast<const VectorD*>(x + i);
}

inline std::size_t pad(std::size_t count) { return (count + kPadding - 1) / kPadding * kPadding; }

/// Minimises over coordinate j exactly; returns the KKT violation that it removed, in units of c.
inline float update(const Problem& p, std::size_t j, std::size_t padded) {
  const float* row = p.gram + j * p.stride;
  const float diagonal = row[j];
  const float old = p.code[j], t = p.threshold[j];
  const float rho = p.correlation[j] + diagonal * old;
  float next = 0;
  if (rho > t)
    next = (rho - t) * p.inverse[j];
  else if (rho < -t && !p.nonnegative)
    next = (rho + t) * p.inverse[j];
  const float delta = next - old;
  if (delta == 0) return 0;
  p.code[j] = next;
  subtract(p.correlation, row, delta, padded);
  return (delta < 0 ? -delta : delta) * (diagonal + p.ridge);
}

/// The coordinates of a register that are not zero; with `all`, those too that violate KKT at zero.
UNSUPERPOSE_INLINE std::uint32_t unsettled(const Problem& p, std::size_t first, bool all) {
  std::uint32_t bits = greater(abs(load(p.code + first)), zero());
  if (all) {
    const Vector c = load(p.correlation + first);
    bits |= greater(p.nonnegative ? c : abs(c), load(p.threshold + first));
  }
  return bits;
}

/// One round over the coordinates; returns the largest violation met.
inline float round_of(const Problem& p, std::size_t padded, bool all) {
  float worst = 0;
  for (std::size_t first = 0; first < padded; first += kLanes)
    for (std::uint32_t bits = unsettled(p, first, all); bits != 0; bits &= bits - 1) {
      const float violation = update(p, first + static_cast<std::size_t>(__builtin_ctz(bits)), padded);
      if (violation > worst) worst = violation;
    }
  return worst;
}

bool sweep(const Problem& p, float accuracy, unsigned limit) {
  constexpr unsigned kActiveSweeps = 8;  // between two full ones
  const std::size_t padded = pad(p.count);
  for (unsigned done = 0; done < limit;) {
    ++done;
    if (round_of(p, padded, true) <= accuracy) return true;
    for (unsigned inner = 0; inner < kActiveSweeps && done < limit; ++inner, ++done)
      if (round_of(p, padded, false) <= accuracy) break;
  }
  return false;
}

/// Factors the n × n matrix in the upper triangle of `a` (row-major, `stride` doubles a row) as UᵀΔ⁻¹U, Δ the pivots,
/// whose inverses go to `inverse`; the rows become those of U with zeros in place of the pivots and, in the register
/// where a row starts, before them. False if a pivot falls to the rounding level of the float32 Gram.
inline bool factor(double* a, std::size_t n, std::size_t stride, const double* diagonal, double* inverse) {
  // A float32 Gram of unit atoms is off by at most dims·2⁻²⁴, for hundreds of dims by some 1e-6.
  constexpr double kPivotFloor = 1e-5;
  for (std::size_t k = 0; k < n; ++k) {
    double* row = a + k * stride;
    if (!(row[k] > kPivotFloor * diagonal[k])) return false;
    inverse[k] = 1 / row[k];
    for (std::size_t i = k / kDoubleLanes * kDoubleLanes; i <= k; ++i) row[i] = 0;
    for (std::size_t i = k + 1; i < n; ++i) subtract(a + i * stride, row, row[i] * inverse[k], i, stride);
  }
  return true;
}

/// x ← (UᵀΔ⁻¹U)⁻¹x
inline void solve(const double* u, std::size_t n, std::size_t stride, const double* inverse, double* x) {
  for (std::size_t k = 0; k < n; ++k) subtract(x, u + k * stride, x[k] * inverse[k], k, stride);
  for (std::size_t k = n; k-- > 0;) {
    VectorD sums{};
    for (std::size_t i = k / kDoubleLanes * kDoubleLanes; i < stride; i += kDoubleLanes)
      sums +=
          *reinterpret_cast<const VectorD*>(u + k * stride + i) * *reinterpret_cast<const VectorD*>(x + i);
    double sum = 0;
    for (std::size_t lane = 0; lane < kDoubleLanes; ++lane) sum += sums[lane];
    x[k] = (x[k] - sum) * inverse[k];
  }
}

bool newton(const Problem& p, double* scratch) {
  const std::size_t padded = pad(p.count);
  double* matrix = scratch;
  double* diagonal = scratch + padded * padded;
  double* inverse = diagonal + padded;
  double* step = inverse + padded;
  auto* active = reinterpret_cast<std::uint32_t*>(step + padded);
  std::size_t n = 0;
  for (std::size_t j = 0; j < p.count; ++j)
    if (p.code[j] != 0) active[n++] = static_cast<std::uint32_t>(j);
  if (n == 0) return true;

  // Nearly dependent atoms get a damped step (G_II + βI + ε diag): still downhill, and along directions in which
  // ½aᵀGa is flat it is long enough to take an atom to zero.
  constexpr double kDamping = 2e-5;  // above cholesky's floor, so that the second attempt succeeds
  const std::size_t stride = pad(n);
  bool factored = false;
  for (double damping = 0; !factored && damping <= kDamping; damping += kDamping) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t j = active[i];
      const float* gram = p.gram + j * p.stride;
      double* row = matrix + i * stride;
      for (std::size_t k = i; k < n; ++k) row[k] = static_cast<double>(gram[active[k]]);
      for (std::size_t k = n; k < stride; ++k) row[k] = 0;
      for (std::size_t k = i / kDoubleLanes * kDoubleLanes; k < i; ++k) row[k] = 0;
      row[i] = row[i] * (1 + damping) + p.ridge;
      diagonal[i] = row[i];
      const double t = p.code[j] > 0 ? p.threshold[j] : -p.threshold[j];
      step[i] = static_cast<double>(p.correlation[j]) - t - static_cast<double>(p.ridge) * p.code[j];
    }
    factored = factor(matrix, n, stride, diagonal, inverse);
  }
  if (!factored) return false;
  for (std::size_t i = n; i < stride; ++i) step[i] = 0;
  solve(matrix, n, stride, inverse, step);

  double length = 1;
  std::size_t first = n;  // the atom that changes sign first
  for (std::size_t i = 0; i < n; ++i) {
    const double a = p.code[active[i]];
    if (a * step[i] < 0 && -a / step[i] < length) {
      length = -a / step[i];
      first = i;
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t j = active[i];
    const float next = i == first ? 0.0f : static_cast<float>(p.code[j] + length * step[i]);
    const float delta = next - p.code[j];
    p.code[j] = next;
    if (delta != 0) subtract(p.correlation, p.gram + j * p.stride, delta, padded);
  }
  return true;
}

constexpr Table kTable = {sweep, newton};
