// The body, compiled once a level: included inside a level's namespace and target region. No include guard
// on purpose.

typedef std::uint32_t Words __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t SignedWords __attribute__((vector_size(4 * kLanes)));
typedef float Floats __attribute__((vector_size(4 * kLanes)));

constexpr std::uint32_t kGolden = 0x9e3779b9;  // 2³²/φ: neighbouring samples far apart

/// lowbias32 (Wellons 2018, "Prospecting for hash functions"), with a second key between its multiplications and without its last
/// step, which mends only low bits: what is drawn is decided by the high ones.
UNSUPERPOSE_INLINE Words hash(Words x, std::uint32_t key) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x += key;
  x *= 0x846ca68bu;
  return x;
}

UNSUPERPOSE_INLINE Vector to_floats(Words x) {
  return reinterpret_cast<Vector>(__builtin_convertvector(reinterpret_cast<SignedWords>(x), Floats));
}

void draw(const Draw* rows, std::size_t count, std::uint32_t key0, std::uint32_t key1, std::uint32_t first,
          float* out, std::uint32_t* active) {
  Words lanes;
  for (std::size_t lane = 0; lane < kLanes; ++lane)
    lanes[lane] = (first + static_cast<std::uint32_t>(lane)) * kGolden;
  for (std::size_t i = 0; i < count; ++i, out += kPanel) {
    const Draw row = rows[i];  // a copy: what is written might be rows, for all that the compiler knows
    const Vector high = broadcast(row.high), scale = broadcast(row.scale);
    const Words start = lanes + (row.key0 + key0);
    std::uint32_t bits = 0;
    for (std::size_t s = 0; s < kPanel; s += kLanes) {
      const Vector u = to_floats(hash(start + static_cast<std::uint32_t>(s) * kGolden, row.key1 ^ key1) >> 1);
      Vector value;
      if (row.low < 0) {
        value = keep_unless_small(sub(high, u), mul(u, scale));
      } else {
        const Vector below = keep_unless_small(sub(high, u), mul(sub(u, broadcast(row.offset)), scale));
        value = keep_unless_small(sub(u, broadcast(row.low)), below);
      }
      store(out + s, value);
      if (active) bits |= greater(value, zero()) << s;
    }
    if (active) active[i] = bits;
  }
}

constexpr Table kTable = {draw};
