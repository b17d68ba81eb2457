// AdamW at every level: the bits of the plain step, each operation rounded once; the moments by a fused multiply-add, which the scalar
// level rounds twice. And the plain step itself against float64.
#include "../../native/kernels/adam/adam.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;

namespace {

struct State {
  float first, second, parameter;
};

State plain(const adam::Settings& settings, float gradient, const State& from, bool fused) {
  const auto towards = [&](float rate, float step, float value) {
    return fused ? std::fma(rate, step, value) : rate * step + value;
  };
  State to;
  to.first = towards(1 - settings.beta1, gradient - from.first, from.first);
  to.second = towards(1 - settings.beta2, gradient * gradient - from.second, from.second);
  const float size = std::sqrt(to.second) * settings.correction + settings.epsilon;
  to.parameter = from.parameter * settings.decay - to.first * settings.rate / size;
  return to;
}

/// In float64: the moments of |g|, |m| and g², v are off by at most 4u of those; the step by 4u of its size for its own operations,
/// by what m is off, and by half of what v is off, relative.
void exact(const adam::Settings& settings, float gradient, const State& from, const State& got, Isa isa,
           std::size_t n) {
  const double g = static_cast<double>(gradient), m = static_cast<double>(from.first),
               v = static_cast<double>(from.second), p = static_cast<double>(from.parameter);
  const double keep1 = static_cast<double>(1 - settings.beta1),
               keep2 = static_cast<double>(1 - settings.beta2);
  const double first = m + keep1 * (g - m), second = v + keep2 * (g * g - v);
  const double size =
      std::sqrt(second) * static_cast<double>(settings.correction) + static_cast<double>(settings.epsilon);
  const double rate = static_cast<double>(settings.rate), kept = p * static_cast<double>(settings.decay);
  constexpr double u = 4 * check::kUnit;
  const double first_off = u * (std::fabs(m) + std::fabs(g)), second_off = u * (v + g * g);
  check::near(static_cast<double>(got.first), first, first_off + check::kTiny, "first moment", isa, n);
  check::near(static_cast<double>(got.second), second, second_off + 2 * check::kTiny, "second moment", isa,
              n);
  const double change = rate * first / size, relative = second > 0 ? second_off / second : 0;
  check::near(static_cast<double>(got.parameter), kept - change,
              rate * first_off / size + std::fabs(change) * (u + relative) +
                  u * (std::fabs(kept) + std::fabs(change)) + check::kTiny,
              "parameter", isa, n);
}

void level(Isa isa, Random& random, std::size_t n, Kind kind) {
  const adam::Settings settings = {0.9995f, 0.0123f, 0.9f, 0.999f, 1.7f, 1e-8f};
  const auto gradient = check::floats(random, n, kind);
  auto first = check::floats(random, n, kind), second = check::floats(random, n, kind),
       parameters = check::floats(random, n, Kind::gaussian);
  std::vector<State> before(n);
  for (std::size_t i = 0; i < n; ++i) {
    second[i] = std::fabs(second[i]);
    before[i] = {first[i], second[i], parameters[i]};
  }
  adam::table(isa)->step(settings, gradient.data(), first.data(), second.data(), parameters.data(), n);
  for (std::size_t i = 0; i < n; ++i) {
    const State expected = plain(settings, gradient[i], before[i], isa != Isa::scalar);
    check::same(first[i], expected.first, "first moment", isa, n);
    check::same(second[i], expected.second, "second moment", isa, n);
    check::same(parameters[i], expected.parameter, "parameter", isa, n);
    if (kind == Kind::gaussian || kind == Kind::heavy)
      exact(settings, gradient[i], before[i], {first[i], second[i], parameters[i]}, isa, n);
  }
  check::watched(first.intact() && second.intact() && parameters.intact() && gradient.intact(), "step", isa,
                 n);
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(16);
    for (std::size_t n = 0; n <= 70; ++n)
      for (const Kind kind : check::kKinds) level(isa, random, n, kind);
  }
  return check::finish();
}
