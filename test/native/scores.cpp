// The rounded products of the active level (npm run test:arm: of Arm's, under emulation). Every score of every precision, on ordinary and on nasty
// rows, has to lie within its bound of the float64 product; and a lasso has to converge on them. Prints one line each; exits 1 if not.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <vector>

#include "../../native/core/random.hpp"
#include "../../native/kernels/product/product.hpp"
#include "../../native/solvers/lasso.hpp"
#include "../../native/solvers/unfolding.hpp"

using namespace unsuperpose;
using product::Precision;

namespace {

enum class Kind { gaussian, heavy, subnormal, many_sizes, tiny };
constexpr Kind kKinds[] = {Kind::gaussian, Kind::heavy, Kind::subnormal, Kind::many_sizes, Kind::tiny};
constexpr std::size_t kSamples = 23;  // no whole number of tiles

std::vector<float> gaussian(Random& random, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

struct Count {
  long scores = 0, out = 0;
};

void check(Random& random, std::size_t dims, std::size_t features, Kind kind, Count& count) {
  std::vector<float> atoms = gaussian(random, features * dims), rows = gaussian(random, kSamples * dims);
  for (std::size_t i = 0; i < kSamples && kind == Kind::heavy; ++i) rows[i * dims + i % dims] = 3000;
  for (float& value : rows) {
    if (kind == Kind::subnormal) value *= 1e-41f;
    if (kind == Kind::many_sizes) value *= std::pow(10.0f, static_cast<float>(random.below(30)) - 20);
    if (kind == Kind::tiny) value *= 1e-20f;
  }
  if (kind == Kind::tiny) {
    for (float& value : atoms) value *= 1e-20f;
    std::fill_n(rows.begin(), dims, 0.0f);
  }
  const ConstMatrix32 right(atoms.data(), features, dims), left_rows(rows.data(), kSamples, dims);
  const Execution execution;
  for (const Precision precision : product::kEveryPrecision) {
    if (!product::rounded_kernels(precision, dims)) continue;
    const product::PackedRows packed(right, active_isa(), precision);
    product::LeftRows left(left_rows);
    product::RoundedRows rounded;
    rounded.assign(left, precision, active_isa(), execution);
    left.rounded = &rounded;
    std::vector<float> scores(kSamples * features);
    product::store(left, packed, {scores.data(), kSamples, features}, execution);
    for (std::size_t i = 0; i < kSamples; ++i)
      for (std::size_t j = 0; j < features; ++j) {
        double exact = 0, square = 0;
        for (std::size_t k = 0; k < dims; ++k) {
          const double d = atoms[j * dims + k];
          exact += d * static_cast<double>(rows[i * dims + k]);
          square += d * d;
        }
        const double norm = std::sqrt(square) * (1 + 1e-12);
        const double bound = product::score_error(precision, dims, rounded.norm(i), rounded.error(i), norm,
                                                  packed.errors()[j]);
        const double off = std::fabs(static_cast<double>(scores[i * features + j]) - exact);
        ++count.scores;
        if (off <= bound) continue;
        if (++count.out <= 3)
          std::printf("%s, %zu dims, %zu features: off by %g, bound %g\n", product::precision_name(precision),
                      dims, features, off, bound);
      }
  }
}

bool lasso_converges(Random& random) {
  constexpr std::size_t kDims = 128, kFeatures = 600, kRows = 40;
  const std::vector<float> atoms = gaussian(random, kFeatures * kDims),
                           rows = gaussian(random, kRows * kDims);
  std::shared_ptr<const Dictionary> dictionary;
  if (!Dictionary::make({atoms.data(), kFeatures, kDims}, true, dictionary).ok()) return false;
  Lasso options;
  options.lambda = {1.0};
  options.tolerance = 1e-6;
  Unfolding unfolding;
  if (!unfold(ConstMatrix32{rows.data(), kRows, kDims}, *dictionary, options, Execution{}, unfolding).ok())
    return false;
  const double gap = *std::max_element(unfolding.gap.begin(), unfolding.gap.end());
  std::printf("lasso: largest gap %.1e\n", gap);
  return gap <= options.tolerance;
}

}  // namespace

int main() {
  std::printf("level %s:", isa_name(active_isa()));
  for (const std::string& name : capabilities()) std::printf(" %s", name.c_str());
  std::printf("\n");
  Random random(3);
  Count count;
  for (const std::size_t dims : {1, 3, 4, 7, 16, 37, 64, 100, 257, 531})
    for (const std::size_t features : {1, 15, 16, 17, 65, 130})
      for (const Kind kind : kKinds) check(random, dims, features, kind, count);
  std::printf("%ld scores, %ld out of bound\n", count.scores, count.out);
  const bool converges = lasso_converges(random);
  // A level without rounded kernels, or a processor that lacks what they need, scores in float32 alone.
  const bool rounds = std::any_of(std::begin(product::kEveryPrecision), std::end(product::kEveryPrecision),
                                  [](Precision precision) { return product::rounded_kernels(precision, 1); });
  return count.out == 0 && (count.scores > 0) == rounds && converges ? 0 : 1;
}
