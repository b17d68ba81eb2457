// The body, compiled once a level: included inside a level's namespace and target region, where
// kLanes is the number of floats in a register. Uses the compilers' vector extension, which lowers
// to whatever the region allows. No include guard on purpose.

typedef float VectorF __attribute__((vector_size(kLanes * sizeof(float)), may_alias));
typedef double VectorD __attribute__((vector_size(kLanes * sizeof(float)), may_alias));
constexpr std::size_t kDoubleLanes = kLanes / 2;

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
  const float diagonal = p.gram[j * p.stride + j];
  const float old = p.code[j], t = p.threshold[j];
  const float rho = p.correlation[j] + diagonal * old;
  float next = 0;
  if (rho > t)
    next = (rho - t) / (diagonal + p.ridge);
  else if (rho < -t && !p.nonnegative)
    next = (rho + t) / (diagonal + p.ridge);
  const float delta = next - old;
  if (delta == 0 || !(diagonal > 0)) return 0;
  p.code[j] = next;
  subtract(p.correlation, p.gram + j * p.stride, delta, padded);
  return (delta < 0 ? -delta : delta) * (diagonal + p.ridge);
}

bool sweep(const Problem& p, float accuracy, unsigned limit) {
  constexpr unsigned kActiveSweeps = 8;  // between two full ones
  const std::size_t padded = pad(p.count);
  for (unsigned done = 0; done < limit;) {
    float worst = 0;
    for (std::size_t j = 0; j < p.count; ++j) {
      // A zero coordinate inside its threshold is optimal: the common case, told by one compare.
      const float c = p.correlation[j];
      if (p.code[j] == 0 && c <= p.threshold[j] && (p.nonnegative || c >= -p.threshold[j])) continue;
      const float violation = update(p, j, padded);
      if (violation > worst) worst = violation;
    }
    ++done;
    if (worst <= accuracy) return true;
    for (unsigned inner = 0; inner < kActiveSweeps && done < limit; ++inner, ++done) {
      worst = 0;
      for (std::size_t j = 0; j < p.count; ++j) {
        if (p.code[j] == 0) continue;
        const float violation = update(p, j, padded);
        if (violation > worst) worst = violation;
      }
      if (worst <= accuracy) break;
    }
  }
  return false;
}

/// Cholesky of the n × n matrix in the upper triangle of `a` (row-major, `stride` doubles a row):
/// a becomes U with UᵀU = a. False if a pivot falls to the rounding level of the float32 Gram.
inline bool cholesky(double* a, std::size_t n, std::size_t stride, const double* diagonal) {
  // A float32 Gram of unit atoms is off by at most dims·2⁻²⁴, for hundreds of dims by some 1e-6.
  constexpr double kPivotFloor = 1e-5;
  for (std::size_t k = 0; k < n; ++k) {
    double* row = a + k * stride;
    if (!(row[k] > kPivotFloor * diagonal[k])) return false;
    const double scale = 1 / __builtin_sqrt(row[k]);
    for (std::size_t i = k; i < n; ++i) row[i] *= scale;
    for (std::size_t i = k + 1; i < n; ++i) subtract(a + i * stride, row, row[i], i, n);
  }
  return true;
}

/// x ← (UᵀU)⁻¹x
inline void solve(const double* u, std::size_t n, std::size_t stride, double* x) {
  for (std::size_t k = 0; k < n; ++k) {
    x[k] /= u[k * stride + k];
    for (std::size_t i = k + 1; i < n; ++i) x[i] -= u[k * stride + i] * x[k];
  }
  for (std::size_t k = n; k-- > 0;) {
    double sum = x[k];
    for (std::size_t i = k + 1; i < n; ++i) sum -= u[k * stride + i] * x[i];
    x[k] = sum / u[k * stride + k];
  }
}

bool newton(const Problem& p, double* scratch) {
  const std::size_t padded = pad(p.count);
  double* matrix = scratch;
  double* diagonal = scratch + padded * padded;
  double* step = diagonal + padded;
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
      for (std::size_t k = 0; k < stride; ++k) row[k] = k < n ? static_cast<double>(gram[active[k]]) : 0.0;
      row[i] = row[i] * (1 + damping) + p.ridge;
      diagonal[i] = row[i];
      const double t = p.code[j] > 0 ? p.threshold[j] : -p.threshold[j];
      step[i] = static_cast<double>(p.correlation[j]) - t - static_cast<double>(p.ridge) * p.code[j];
    }
    factored = cholesky(matrix, n, stride, diagonal);
  }
  if (!factored) return false;
  solve(matrix, n, stride, step);

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
