// Dot products of scattered rows at every level. gram and correlate32: γ_dims of float32 relative to Σ|a_k b_k|, the bound of their
// header. correlate: products are exact in float64, so γ_dims of float64; the plain sum is off by as much again. Besides: an
// answer depends on its two rows alone, whatever stands beside them.
#include "../../native/kernels/dots/dots.hpp"
#include "../../native/kernels/product/product.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;

namespace {

struct Plain {
  double value = 0, magnitude = 0;
};

Plain plain(const float* a, const float* b, std::size_t dims) {
  Plain sum;
  for (std::size_t k = 0; k < dims; ++k) {
    const double product = static_cast<double>(a[k]) * static_cast<double>(b[k]);
    sum.value += product;
    sum.magnitude += std::fabs(product);
  }
  return sum;
}

void gram(Isa isa, const std::vector<const float*>& rows, std::size_t dims) {
  const dots::Table& kernels = *dots::table(isa);
  const std::size_t all = rows.size();
  const auto underflow = static_cast<double>(dims) * check::kTiny;
  // Rows of their own; and the last `first` of the columns, whose square is symmetric.
  std::vector<float> whole(all * all);
  std::vector<const float*> elsewhere(rows);  // the same rows, but not known to be the columns
  kernels.gram(elsewhere.data(), all, rows.data(), all, dims, whole.data(), all);
  for (std::size_t i = 0; i < all; ++i)
    for (std::size_t j = 0; j < all; ++j) {
      const Plain exact = plain(rows[i], rows[j], dims);
      check::near(
          static_cast<double>(whole[i * all + j]), exact.value,
          (product::error_bound(dims) + static_cast<double>(dims) * check::kDoubleUnit) * exact.magnitude +
              underflow,
          "gram", isa, dims);
      check::same(whole[i * all + j], whole[j * all + i], "gram's symmetry", isa, dims);
    }
  for (std::size_t first = 0; first < all; ++first) {
    const std::size_t count = all - first, stride = all + 3;
    check::Guarded<float> out((count - 1) * stride + all);
    kernels.gram(rows.data() + first, count, rows.data(), all, dims, out.data(), stride);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < all; ++j)
        check::same(out[i * stride + j], whole[(first + i) * all + j], "gram of the last columns", isa, dims);
    check::watched(out.intact(), "gram", isa, dims);
  }
}

void correlations(Isa isa, const std::vector<const float*>& rows, const float* x, std::size_t dims) {
  const dots::Table& kernels = *dots::table(isa);
  const std::size_t count = rows.size();
  check::Guarded<double> doubles(count);
  check::Guarded<float> floats(count);
  kernels.correlate(rows.data(), count, x, dims, doubles.data());
  kernels.correlate32(rows.data(), count, x, dims, floats.data());
  for (std::size_t i = 0; i < count; ++i) {
    const Plain exact = plain(rows[i], x, dims);
    const double rounding = static_cast<double>(dims) * check::kDoubleUnit * exact.magnitude;
    check::near(doubles[i], exact.value, 2 * rounding, "correlate", isa, dims);
    check::near(
        static_cast<double>(floats[i]), exact.value,
        product::error_bound(dims) * exact.magnitude + rounding + static_cast<double>(dims) * check::kTiny,
        "correlate32", isa, dims);
    double alone;
    float alone32;
    kernels.correlate(rows.data() + i, 1, x, dims, &alone);
    kernels.correlate32(rows.data() + i, 1, x, dims, &alone32);
    check::near(doubles[i], alone, 0, "correlate of one row", isa, dims);
    check::near(kernels.dot(rows[i], x, dims), alone, 0, "dot", isa, dims);
    check::same(floats[i], alone32, "correlate32 of one row", isa, dims);
  }
  check::watched(doubles.intact() && floats.intact(), "correlate", isa, dims);
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(13);
    for (std::size_t dims = 0; dims <= 300; dims += dims < 70 ? 1 : 57)
      for (const Kind kind : check::kKinds) {
        const std::size_t count = dims % 15;
        const auto data = check::floats(random, (count + 1) * dims, kind);
        std::vector<const float*> rows;
        for (std::size_t i = 0; i < count; ++i)
          rows.push_back(data.data() + (count - i) * dims);  // not in order
        correlations(isa, rows, data.data(), dims);
        if (count > 0) gram(isa, rows, dims);
      }
  }
  return check::finish();
}
