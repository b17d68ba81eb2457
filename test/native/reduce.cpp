// Reductions at every level. Products and magnitudes of floats are exact in float64, so a sum of n of them in any order is off by at
// most γ_n of float64; the plain sum it is compared with is off by as much again.
#include "../../native/kernels/reduce/reduce.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;

namespace {

void level(Isa isa, Random& random) {
  const reduce::Table& kernels = *reduce::table(isa);
  for (std::size_t n = 0; n <= 200; n += n < 70 ? 1 : 13)
    for (const Kind kind : check::kKinds) {
      auto x = check::floats(random, n, kind);
      double squares = 0, magnitudes = 0;
      float largest = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double value = static_cast<double>(x[i]);
        squares += value * value;
        magnitudes += std::fabs(value);
        largest = std::fmax(largest, std::fabs(x[i]));
      }
      const double bound = 2 * (static_cast<double>(n) + 1) * check::kDoubleUnit;
      check::near(kernels.squared_norm(x.data(), n), squares, bound * squares, "squared_norm", isa, n);
      check::near(kernels.absolute_sum(x.data(), n), magnitudes, bound * magnitudes, "absolute_sum", isa, n);
      check::same(kernels.max_absolute(x.data(), n), largest, "max_absolute", isa, n);
      check::equal(kernels.all_finite(x.data(), n), true, "all_finite of finite values", isa, n);
    }
  // One value that is not finite, at every place.
  for (std::size_t n = 1; n <= 70; ++n)
    for (std::size_t at = 0; at < n; ++at)
      for (const float special : {check::kNaN, check::kInfinity, -check::kInfinity}) {
        auto x = check::floats(random, n, Kind::gaussian);
        x[at] = special;
        check::equal(kernels.all_finite(x.data(), n), false, "all_finite", isa, n);
        float largest = 0;
        for (std::size_t i = 0; i < n; ++i)
          if (!std::isnan(x[i])) largest = std::fmax(largest, std::fabs(x[i]));
        check::same(kernels.max_absolute(x.data(), n), largest, "max_absolute that ignores NaN", isa, n);
      }
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(12);
    level(isa, random);
  }
  return check::finish();
}
