// Residuals of sparse codes at every level. residual: a float64 sum of count + 1 terms whose products are exact, rounded once to
// float32. residual32 and axpy: chains of fused multiply-adds, two roundings a step at the scalar level: γ_2n of float32 relative to
// the terms' magnitudes.
#include "../../native/kernels/product/product.hpp"
#include "../../native/kernels/sparse_rows/sparse_rows.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;

namespace {

void level(Isa isa, Random& random, std::size_t dims, std::size_t count, Kind kind) {
  const sparse_rows::Table& kernels = *sparse_rows::table(isa);
  constexpr std::size_t kFeatures = 9;
  const std::size_t stride = dims + 2;
  const auto dictionary = check::floats(random, kFeatures * stride, kind),
             x = check::floats(random, dims, kind);
  const auto values = check::floats(random, count, Kind::gaussian);
  std::vector<std::uint32_t> indices(count);
  std::vector<const float*> rows(count);
  for (std::size_t k = 0; k < count; ++k) {
    indices[k] = static_cast<std::uint32_t>(random.below(kFeatures));
    rows[k] = dictionary.data() + indices[k] * stride;
  }
  const auto steps = static_cast<double>(count + 1);
  for (const bool from_zero : {false, true}) {
    check::Guarded<float> out(dims), out32(dims);
    const double energy = kernels.residual(from_zero ? nullptr : x.data(), indices.data(), values.data(),
                                           count, dictionary.data(), stride, dims, out.data());
    if (!from_zero) kernels.residual32(x.data(), rows.data(), values.data(), count, dims, out32.data());
    double squares = 0, off = 0;  // Σ out², and what it may be off by
    for (std::size_t d = 0; d < dims; ++d) {
      double exact = from_zero ? 0 : static_cast<double>(x[d]), magnitude = std::fabs(exact);
      for (std::size_t k = 0; k < count; ++k) {
        const double term = static_cast<double>(values[k]) * static_cast<double>(rows[k][d]);
        exact -= term;
        magnitude += std::fabs(term);
      }
      const double rounding = 2 * steps * check::kDoubleUnit * magnitude;
      check::near(static_cast<double>(out[d]), exact,
                  rounding + check::kUnit * std::fabs(exact) * (1 + check::kUnit) + check::kTiny, "residual",
                  isa, dims);
      if (!from_zero)
        check::near(static_cast<double>(out32[d]), exact,
                    product::error_bound(2 * count) * magnitude + rounding + 2 * steps * check::kTiny,
                    "residual32", isa, dims);
      squares += exact * exact;
      off += 2 * rounding * (std::fabs(exact) + rounding);
    }
    off += 2 * (static_cast<double>(dims) + 2) * check::kDoubleUnit * squares;
    check::near(energy, squares, off, "residual's energy", isa, dims);
    check::watched(out.intact() && out32.intact(), "residual", isa, dims);
  }
  check::Guarded<float> y(dims);
  y.copy(x);
  const float factor = values.size() > 0 ? values[0] : 0.25f;
  kernels.axpy(factor, dictionary.data(), y.data(), dims);
  for (std::size_t d = 0; d < dims; ++d) {
    const double product = static_cast<double>(factor) * static_cast<double>(dictionary[d]);
    const double exact = static_cast<double>(x[d]) + product;
    check::near(static_cast<double>(y[d]), exact,
                product::error_bound(2) * (std::fabs(product) + std::fabs(static_cast<double>(x[d]))) +
                    2 * check::kTiny,
                "axpy", isa, dims);
  }
  check::watched(y.intact(), "axpy", isa, dims);
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(14);
    for (std::size_t dims = 0; dims <= 300; dims += dims < 70 ? 1 : 57)
      for (const std::size_t count : {0, 1, 2, 7})
        for (const Kind kind : check::kKinds) level(isa, random, dims, count, kind);
  }
  return check::finish();
}
