// Drawn features at every level: the bits of the plain generator, for any sample and key.
#include "../../native/kernels/draw/draw.hpp"
#include "check.hpp"

using namespace unsuperpose;
using draw::kPanel;

namespace {

/// The hash of draw-inl.hpp, in plain integers.
std::uint32_t hash(std::uint32_t x, std::uint32_t key) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x += key;
  return x * 0x846ca68bu;
}

float plain(const draw::Draw& row, std::uint32_t key0, std::uint32_t key1, std::uint32_t sample) {
  const std::uint32_t bits = hash(sample * 0x9e3779b9u + row.key0 + key0, row.key1 ^ key1) >> 1;
  const auto u = static_cast<float>(static_cast<std::int32_t>(bits));
  if (!(u < row.high) || (row.low >= 0 && !(u > row.low))) return 0;
  return (row.low < 0 ? u : u - row.offset) * row.scale;
}

void level(Isa isa, Random& random) {
  const draw::Table& kernels = *draw::table(isa);
  constexpr float kMost = 0x1.0p31f;
  for (std::size_t count = 0; count <= 20; ++count) {
    std::vector<draw::Draw> rows;
    for (std::size_t i = 0; i < count; ++i) {
      const auto a = static_cast<float>(random.uniform()) * kMost,
                 b = static_cast<float>(random.uniform()) * kMost;
      const float low = std::fmin(a, b), high = std::fmax(a, b);
      draw::Draw row = {static_cast<std::uint32_t>(random.next()),
                        static_cast<std::uint32_t>(random.next()),
                        low,
                        high,
                        low,
                        1 / (high - low)};
      if (i % 3 == 1) row = {row.key0, row.key1, -1, high, 0, 1 / high};               // from the beginning
      if (i % 3 == 2) row = {row.key0, row.key1, -1, check::kInfinity, 0, 1 / kMost};  // always
      if (i % 7 == 6) row.high = 0;                                                    // never
      rows.push_back(row);
    }
    const auto key0 = static_cast<std::uint32_t>(random.next()),
               key1 = static_cast<std::uint32_t>(random.next());
    for (const std::uint32_t first : {0u, 32u, 4096u, 0xffffffe0u}) {
      check::Guarded<float> out(count * kPanel), again(count * kPanel);
      check::Guarded<std::uint32_t> active(count);
      kernels.draw(rows.data(), count, key0, key1, first, out.data(), active.data());
      kernels.draw(rows.data(), count, key0, key1, first, again.data(), nullptr);
      for (std::size_t i = 0; i < count; ++i)
        for (std::uint32_t s = 0; s < kPanel; ++s) {
          const float expected = plain(rows[i], key0, key1, first + s), got = out[i * kPanel + s];
          check::same(got, expected, "draw", isa, count);
          check::same(again[i * kPanel + s], expected, "draw without active", isa, count);
          check::equal(active[i] >> s & 1, expected > 0, "active", isa, count);
        }
      check::watched(out.intact() && again.intact() && active.intact(), "draw", isa, count);
    }
  }
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(15);
    level(isa, random);
  }
  return check::finish();
}
