// The body, compiled once a level: included inside a level's namespace and target region, where kDimTile, kFeatureTile,
// kOuterFeatures and kOuterDims give the tiles' shapes. No include guard on purpose.

constexpr std::size_t kStrips = 2, kStrip = kStrips * kLanes;  // samples that a tile works on at a time
static_assert(kPanel % kStrip == 0);

typedef float Four __attribute__((vector_size(16)));

std::size_t places(const std::uint32_t* active, std::size_t features, std::uint32_t* out) {
  std::uint32_t* const begin = out;
  for (std::size_t i = 0; i < features; ++i)
    for (std::size_t s = 0; s < kPanel; s += kLanes) {
      const std::uint32_t bits = (active[i] >> s) & ((std::uint32_t{1} << kLanes) - 1);
      compress_indices(out, static_cast<std::uint32_t>(i * kPanel + s), bits);
      out += __builtin_popcount(bits);
    }
  return static_cast<std::size_t>(out - begin);
}

// --- encoding

/// out[r][s] = Σ_i weights[i·stride + r]·v[i][s]
template <std::size_t kRows>
void encode_rows(const float* weights, std::size_t features, std::size_t stride, const float* v, float* out) {
  for (std::size_t s = 0; s < kPanel; s += kStrip) {
    Vector sums[kRows][kStrips];
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t c = 0; c < kStrips; ++c) sums[r][c] = zero();
    const float* w = weights;
    for (std::size_t i = 0; i < features; ++i, w += stride) {
      Vector column[kStrips];
      for (std::size_t c = 0; c < kStrips; ++c) column[c] = load(v + i * kPanel + s + c * kLanes);
      for (std::size_t r = 0; r < kRows; ++r) {
        const Vector x = broadcast(w[r]);
        for (std::size_t c = 0; c < kStrips; ++c) sums[r][c] = fma(x, column[c], sums[r][c]);
      }
    }
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t c = 0; c < kStrips; ++c) store(out + r * kPanel + s + c * kLanes, sums[r][c]);
  }
}

using EncodeRows = void (*)(const float*, std::size_t, std::size_t, const float*, float*);

/// kEncode.of[r − 1] encodes r dims.
template <std::size_t... kRows>
struct Encoders {
  EncodeRows of[sizeof...(kRows)] = {encode_rows<kRows>...};
};
template <std::size_t kCount, std::size_t... kRows>
struct EncodersUpTo : EncodersUpTo<kCount - 1, kCount, kRows...> {};
template <std::size_t... kRows>
struct EncodersUpTo<0, kRows...> : Encoders<kRows...> {};
constexpr EncodersUpTo<kDimTile> kEncode;

void encode(const float* weights, std::size_t features, std::size_t dims, const float* v, float* out) {
  for (std::size_t k = 0; k < dims; k += kDimTile) {
    const std::size_t rows = dims - k < kDimTile ? dims - k : kDimTile;
    kEncode.of[rows - 1](weights + k, features, dims, v, out + k * kPanel);
  }
}

UNSUPERPOSE_INLINE Four load_four(const float* from) {
  Four four;
  __builtin_memcpy(&four, from, sizeof four);
  return four;
}
UNSUPERPOSE_INLINE void store_four(float* to, Four four) { __builtin_memcpy(to, &four, sizeof four); }

/// to[c][r] = from[r][c] for a block of 4 × 4
UNSUPERPOSE_INLINE void transpose_four(const float* from, std::size_t from_stride, float* to,
                                       std::size_t to_stride) {
  const Four a = load_four(from), b = load_four(from + from_stride);
  const Four c = load_four(from + 2 * from_stride), d = load_four(from + 3 * from_stride);
  const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store_four(to, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
  store_four(to + to_stride, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
  store_four(to + 2 * to_stride, __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5));
  store_four(to + 3 * to_stride, __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7));
}

void encode_places(const float* weights, std::size_t dims, const float* v, const std::uint32_t* at,
                   std::size_t count, float* rows, float* out) {
  const std::size_t stride = row_stride(dims), whole = dims / kLanes * kLanes, rest = dims - whole;
  __builtin_memset(rows, 0, kPanel * stride * sizeof(float));
  for (std::size_t n = 0; n < count; ++n) {
    const std::uint32_t place = at[n];
    const Vector x = broadcast(v[place]);
    const float* w = weights + place / kPanel * dims;
    float* row = rows + place % kPanel * stride;
    for (std::size_t k = 0; k < whole; k += kLanes) store(row + k, fma(x, load(w + k), load(row + k)));
    if (rest > 0) store(row + whole, fma(x, load_partial(w + whole, rest), load(row + whole)));
  }
  const std::size_t blocks = dims / 4 * 4;
  for (std::size_t k = 0; k < blocks; k += 4)
    for (std::size_t s = 0; s < kPanel; s += 4)
      transpose_four(rows + s * stride + k, stride, out + k * kPanel + s, kPanel);
  for (std::size_t k = blocks; k < dims; ++k)
    for (std::size_t s = 0; s < kPanel; ++s) out[k * kPanel + s] = rows[s * stride + k];
}

// --- decoding

void pack(const float* weights, std::size_t features, std::size_t dims, float* packed) {
  for (std::size_t i = 0; i < features; i += kFeatureTile) {
    const std::size_t rows = features - i < kFeatureTile ? features - i : kFeatureTile;
    for (std::size_t k = 0; k < dims; ++k)
      for (std::size_t r = 0; r < rows; ++r) *packed++ = weights[(i + r) * dims + k];
  }
}

/// What a tile's rows of y become: decode's derivative, or y itself.
struct Tile {
  const Decoder* decoder;  // null for multiply
  std::size_t first;
  const float* x;
  float* bias_sums;
};

template <std::size_t kRows>
Vector decode_rows(const float* packed, std::size_t dims, const float* hidden, const Tile& tile, float* out) {
  const Decoder* decoder = tile.decoder;
  constexpr std::size_t kChains = 4;  // of sums that wait for one another
  Vector loss[kChains] = {zero(), zero(), zero(), zero()};
  for (std::size_t s = 0; s < kPanel; s += kStrip) {
    Vector sums[kRows][kStrips];
    UNSUPERPOSE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      UNSUPERPOSE_UNROLL
      for (std::size_t c = 0; c < kStrips; ++c)
        sums[r][c] = decoder ? broadcast(decoder->bias[tile.first + r]) : zero();
    }
    const float* w = packed;
    for (std::size_t k = 0; k < dims; ++k, w += kRows) {
      Vector column[kStrips];
      UNSUPERPOSE_UNROLL
      for (std::size_t c = 0; c < kStrips; ++c) column[c] = load(hidden + k * kPanel + s + c * kLanes);
      UNSUPERPOSE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        const Vector weight = broadcast(w[r]);
        UNSUPERPOSE_UNROLL
        for (std::size_t c = 0; c < kStrips; ++c) sums[r][c] = fma(weight, column[c], sums[r][c]);
      }
    }
    if (!decoder) {
      UNSUPERPOSE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        UNSUPERPOSE_UNROLL
        for (std::size_t c = 0; c < kStrips; ++c) store(out + r * kPanel + s + c * kLanes, sums[r][c]);
      }
      continue;
    }
    const bool relu = decoder->relu;
    UNSUPERPOSE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector weight = broadcast(decoder->weight[tile.first + r]);
      float* bias_sums = tile.bias_sums + r * kLanes;
      Vector bias = load(bias_sums);
      UNSUPERPOSE_UNROLL
      for (std::size_t c = 0; c < kStrips; ++c) {
        const std::size_t at = r * kPanel + s + c * kLanes;
        const Vector y = sums[r][c];
        const Vector error = sub(relu ? keep_unless_small(y, y) : y, load(tile.x + at));
        const Vector weighted = mul(weight, error);
        const Vector g = relu ? keep_unless_small(y, weighted) : weighted;
        Vector& sum = loss[(r * kStrips + c) % kChains];
        sum = fma(weighted, error, sum);
        bias = add(bias, g);
        store(out + at, g);
      }
      store(bias_sums, bias);
    }
  }
  return add(add(loss[0], loss[1]), add(loss[2], loss[3]));
}

using DecodeRows = Vector (*)(const float*, std::size_t, const float*, const Tile&, float*);

template <std::size_t... kRows>
struct Decoders {
  DecodeRows of[sizeof...(kRows)] = {decode_rows<kRows>...};
};
template <std::size_t kCount, std::size_t... kRows>
struct DecodersUpTo : DecodersUpTo<kCount - 1, kCount, kRows...> {};
template <std::size_t... kRows>
struct DecodersUpTo<0, kRows...> : Decoders<kRows...> {};
constexpr DecodersUpTo<kFeatureTile> kDecode;

UNSUPERPOSE_INLINE float sum_lanes(Vector v) {
  float lanes[kLanes];
  store(lanes, v);
  for (std::size_t width = kLanes / 2; width > 0; width /= 2)
    for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

float decode(const Decoder& decoder, const float* x, const float* hidden, float* g, float* bias_sums) {
  Vector loss = zero();
  for (std::size_t i = 0; i < decoder.features; i += kFeatureTile) {
    const std::size_t rows = decoder.features - i < kFeatureTile ? decoder.features - i : kFeatureTile;
    const Tile tile = {&decoder, i, x + i * kPanel, bias_sums + i * kLanes};
    loss = add(loss, kDecode.of[rows - 1](decoder.packed + i * decoder.dims, decoder.dims, hidden, tile,
                                          g + i * kPanel));
  }
  return sum_lanes(loss) * 0.5f;
}

void multiply(const float* packed, std::size_t features, std::size_t dims, const float* v, float* out) {
  for (std::size_t i = 0; i < features; i += kFeatureTile) {
    const std::size_t rows = features - i < kFeatureTile ? features - i : kFeatureTile;
    kDecode.of[rows - 1](packed + i * dims, dims, v, Tile{nullptr, i, nullptr, nullptr}, out + i * kPanel);
  }
}

void fold_lanes(const float* sums, std::size_t features, float* out) {
  for (std::size_t i = 0; i < features; ++i) out[i] += sum_lanes(load(sums + i * kLanes));
}

// --- gradients

/// tile[f·kD + d] += Σ v[f][s]·u[d][s], f < kF, d < kD
template <std::size_t kF, std::size_t kD>
void outer_tile(const Pair* pairs, std::size_t count, std::size_t panels, std::size_t v_panel,
                std::size_t u_panel, std::size_t v_first, std::size_t u_first, float* tile) {
  constexpr std::size_t kSums = (kF * kD + 3) / 4 * 4;
  Vector sums[kSums];
  UNSUPERPOSE_UNROLL
  for (std::size_t n = 0; n < kSums; ++n) sums[n] = zero();
  for (std::size_t pair = 0; pair < count; ++pair) {
    const float* v = pairs[pair].v + v_first;
    const float* u = pairs[pair].u + u_first;
    for (std::size_t panel = 0; panel < panels; ++panel, v += v_panel, u += u_panel)
      for (std::size_t s = 0; s < kPanel; s += kLanes) {
        Vector left[kF];
        UNSUPERPOSE_UNROLL
        for (std::size_t f = 0; f < kF; ++f) left[f] = load(v + f * kPanel + s);
        UNSUPERPOSE_UNROLL
        for (std::size_t d = 0; d < kD; ++d) {
          const Vector right = load(u + d * kPanel + s);
          UNSUPERPOSE_UNROLL
          for (std::size_t f = 0; f < kF; ++f) sums[f * kD + d] = fma(left[f], right, sums[f * kD + d]);
        }
      }
  }
  UNSUPERPOSE_UNROLL
  for (std::size_t n = 0; n < kSums; n += 4) {
    float four[4];
    sums4(sums[n], sums[n + 1], sums[n + 2], sums[n + 3], four);
    store_four(tile + n, load_four(tile + n) + load_four(four));
  }
}

using OuterTile = void (*)(const Pair*, std::size_t, std::size_t, std::size_t, std::size_t, std::size_t,
                           std::size_t, float*);

/// kOuterWhole.of[d − 1] takes kOuterFeatures features and d dims, kOuterSingle one feature.
template <std::size_t kF, std::size_t... kDs>
struct OuterRow {
  OuterTile of[sizeof...(kDs)] = {outer_tile<kF, kDs>...};
};
template <std::size_t kF, std::size_t kCount, std::size_t... kDs>
struct OuterRowUpTo : OuterRowUpTo<kF, kCount - 1, kCount, kDs...> {};
template <std::size_t kF, std::size_t... kDs>
struct OuterRowUpTo<kF, 0, kDs...> : OuterRow<kF, kDs...> {};
constexpr OuterRowUpTo<kOuterFeatures, kOuterDims> kOuterWhole;
constexpr OuterRowUpTo<1, kOuterDims> kOuterSingle;

/// Sums of a tile, rounded up to whole vectors of four; kOuterTile in outer() is the largest.
constexpr std::size_t kOuterTile = (kOuterFeatures * kOuterDims + 3) / 4 * 4;
static_assert(kOuterTile <= kMostTile);

void outer(const Pair* pairs, std::size_t count, std::size_t panels, std::size_t features, std::size_t dims,
           float* tiles) {
  for (std::size_t i = 0; i < features;) {
    const bool whole = features - i >= kOuterFeatures;
    for (std::size_t k = 0; k < dims; k += kOuterDims, tiles += kOuterTile) {
      const std::size_t width = dims - k < kOuterDims ? dims - k : kOuterDims;
      (whole ? kOuterWhole.of : kOuterSingle.of)[width - 1](pairs, count, panels, features * kPanel,
                                                            dims * kPanel, i * kPanel, k * kPanel, tiles);
    }
    i += whole ? kOuterFeatures : 1;
  }
}

void add_tiles(const float* tiles, std::size_t features, std::size_t dims, float* gradient) {
  for (std::size_t i = 0; i < features;) {
    const std::size_t height = features - i >= kOuterFeatures ? kOuterFeatures : 1;
    for (std::size_t k = 0; k < dims; k += kOuterDims, tiles += kOuterTile) {
      const std::size_t width = dims - k < kOuterDims ? dims - k : kOuterDims;
      for (std::size_t f = 0; f < height; ++f)
        for (std::size_t d = 0; d < width; ++d) gradient[(i + f) * dims + k + d] += tiles[f * width + d];
    }
    i += height;
  }
}

/// gradient[i] += v[i][s]·rows[s], whole registers of rows of row_stride(dims)
UNSUPERPOSE_INLINE void add_row(const float* v, std::uint32_t place, const float* rows, std::size_t dims,
                                float* gradient) {
  const std::size_t stride = row_stride(dims);
  const Vector x = broadcast(v[place]);
  const float* row = rows + place % kPanel * stride;
  float* g = gradient + place / kPanel * stride;
  for (std::size_t k = 0; k < dims; k += kLanes) store(g + k, fma(x, load(row + k), load(g + k)));
}

void outer_places(const float* v, const std::uint32_t* at, std::size_t count, const float* u,
                  std::size_t dims, float* rows, float* gradient) {
  const std::size_t stride = row_stride(dims), blocks = dims / 4 * 4;
  for (std::size_t k = 0; k < blocks; k += 4)
    for (std::size_t s = 0; s < kPanel; s += 4)
      transpose_four(u + k * kPanel + s, kPanel, rows + s * stride + k, stride);
  for (std::size_t k = blocks; k < dims; ++k)
    for (std::size_t s = 0; s < kPanel; ++s) rows[s * stride + k] = u[k * kPanel + s];
  // Places next to each other add to the same row, each waiting for the store before: four parts of the list in turn.
  constexpr std::size_t kParts = 4;
  const std::size_t part = count / kParts;
  for (std::size_t n = 0; n < part; ++n)
    for (std::size_t p = 0; p < kParts; ++p) add_row(v, at[p * part + n], rows, dims, gradient);
  for (std::size_t n = kParts * part; n < count; ++n) add_row(v, at[n], rows, dims, gradient);
}

float add_signs(const float* hidden, std::size_t dims, float amount, float* gradient) {
  const Vector step = broadcast(amount);
  Vector total = zero();
  for (std::size_t at = 0; at < dims * kPanel; at += kLanes) {
    const Vector h = load(hidden + at), size = abs(h);
    total = add(total, size);
    store(gradient + at, add(load(gradient + at), keep_unless_small(size, with_sign(step, h))));
  }
  return amount * sum_lanes(total);
}

constexpr Table kTable = {places,     encode, encode_places, pack,         decode,   multiply,
                          fold_lanes, outer,  add_tiles,     outer_places, add_signs};
