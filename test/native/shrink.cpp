// Soft thresholding at every level: the bits of the plain loop, whatever the values, never a negative zero.
#include "../../native/kernels/shrink/shrink.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;

namespace {

float plain(float v, float threshold, bool nonnegative) {
  const float above = (nonnegative ? v : std::fabs(v)) - threshold;
  if (std::isnan(above)) return above;
  if (!(above > 0)) return 0;
  return nonnegative ? above : std::copysign(above, v);
}

void level(Isa isa, Random& random) {
  const shrink::Table& kernels = *shrink::table(isa);
  for (std::size_t n = 0; n <= 70; ++n)
    for (const Kind kind : check::kKinds) {
      auto v = check::floats(random, n, kind), weights = check::floats(random, n, kind);
      for (std::size_t i = 0; i < n; ++i) weights[i] = std::fabs(weights[i]);
      constexpr float kSpecial[] = {0.0f, -0.0f, check::kNaN, check::kInfinity, -check::kInfinity, 1e-45f};
      for (const float special : kSpecial)
        if (n > 0) v[random.below(n)] = special;
      for (const float threshold : {0.0f, 0.5f, n > 0 ? std::fabs(v[n / 2]) : 1e-42f}) {
        if (!(threshold < check::kInfinity)) continue;
        for (const bool weighted : {false, true})
          for (const bool nonnegative : {false, true}) {
            const float* w = weighted ? weights.data() : nullptr;
            check::Guarded<float> out(n), in_place(n);
            in_place.copy(v);
            kernels.soft(v.data(), threshold, w, nonnegative, out.data(), n);
            kernels.soft(in_place.data(), threshold, w, nonnegative, in_place.data(), n);
            for (std::size_t i = 0; i < n; ++i) {
              const float expected = plain(v[i], weighted ? threshold * weights[i] : threshold, nonnegative);
              check::same(out[i], expected, "soft", isa, n);
              check::same(in_place[i], expected, "soft in place", isa, n);
            }
            check::watched(out.intact() && in_place.intact(), "soft", isa, n);
          }
      }
    }
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(11);
    level(isa, random);
  }
  return check::finish();
}
