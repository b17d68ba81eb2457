// The body, compiled once a level: included inside a level's namespace and target region, where kLanes is
// the number of floats in a register. No include guard on purpose.

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float)), may_alias));

Strongest residual_argmax(const float* initial, const float* const* rows, const float* factors, std::size_t count,
                          std::size_t features, bool positive_only) {
  constexpr std::size_t kUnroll = 4;
  constexpr std::size_t kTile = kUnroll * kLanes;
  Strongest best{features, 0.0f};
  float most = 0;
  for (std::size_t first = 0; first < features; first += kTile) {
    // Rows are padded to kPadding floats, not to a tile: the last tile may be narrower.
    const std::size_t padded = (features + kPadding - 1) / kPadding * kPadding;
    const std::size_t registers = (padded - first < kTile ? padded - first : kTile) / kLanes;
    alignas(64) float tile[kTile];
    Vector sum[kUnroll];
    for (std::size_t r = 0; r < kUnroll; ++r)
      sum[r] = r < registers ? *reinterpret_cast<const Vector*>(initial + first + r * kLanes) : Vector{};
    if (registers == kUnroll) {
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t r = 0; r < kUnroll; ++r)
          sum[r] -= factors[i] * *reinterpret_cast<const Vector*>(rows[i] + first + r * kLanes);
    } else {
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t r = 0; r < registers; ++r)
          sum[r] -= factors[i] * *reinterpret_cast<const Vector*>(rows[i] + first + r * kLanes);
    }
    Vector largest{};
    for (std::size_t r = 0; r < kUnroll; ++r) {
      const Vector strength = positive_only ? sum[r] : (sum[r] < 0 ? -sum[r] : sum[r]);
      largest = strength > largest ? strength : largest;
      *reinterpret_cast<Vector*>(tile + r * kLanes) = sum[r];
    }
    bool stronger = false;
    for (std::size_t lane = 0; lane < kLanes; ++lane) stronger |= largest[lane] > most;
    if (!stronger) continue;
    for (std::size_t k = 0; k < kTile && first + k < features; ++k) {
      const float strength = positive_only || tile[k] >= 0 ? tile[k] : -tile[k];
      if (strength > most) {
        most = strength;
        best = {first + k, tile[k]};
      }
    }
  }
  return best;
}
