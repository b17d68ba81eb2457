// Compressed Gram rows at every level. compress: the bits of the plain loop, and an error that is one. subtract: γ_2n of float32
// relative to the terms' magnitudes (the scalar level rounds each step twice), and the exact maxima of what it wrote. above: exactly
// the entries above the floor.
#include <algorithm>

#include "../../native/kernels/compressed_rows/compressed_rows.hpp"
#include "../../native/kernels/product/product.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;
using namespace compressed_rows;

namespace {

void compression(Isa isa, const check::Guarded<float>& row) {
  const std::size_t padded = row.size();
  check::Guarded<std::int8_t> bytes(padded);
  const Compression made = compressed_rows::table(isa)->compress(row.data(), padded, bytes.data());
  float largest = 0;
  for (std::size_t j = 0; j < padded; ++j) largest = std::fmax(largest, std::fabs(row[j]));
  check::same(made.largest, largest, "largest", isa, padded);
  check::same(made.scale, largest / 127, "scale", isa, padded);
  const float inverse = largest >= 0x1p-110f ? 127 / largest : 0;
  double error = 0;
  for (std::size_t j = 0; j < padded; ++j) {
    const float level = row[j] * inverse;
    check::that(bytes[j] == static_cast<int>(level + std::copysign(0.5f, level)),
                "byte, %s, size %zu: %d for %g", isa_name(isa), padded, bytes[j], static_cast<double>(level));
    error =
        std::max(error, std::fabs(static_cast<double>(row[j]) - static_cast<double>(made.scale) * bytes[j]));
  }
  const double claimed = static_cast<double>(made.error);
  check::that(claimed >= error, "error, %s, size %zu: %g, claimed %g", isa_name(isa), padded, error, claimed);
  check::near(claimed, error, static_cast<double>(largest) * 0x1.0p-20 + 3 * check::kTiny,
              "error that is tight", isa, padded);
  check::watched(bytes.intact(), "compress", isa, padded);
}

float strength(float correlation, bool positive_only) {
  return positive_only ? correlation : std::fabs(correlation);
}

void update(Isa isa, Random& random, std::size_t padded, std::size_t count, Kind kind, bool positive_only) {
  const Table& kernels = *compressed_rows::table(isa);
  std::vector<check::Guarded<std::int8_t>> rows;
  std::vector<const std::int8_t*> pointers;
  for (std::size_t i = 0; i < count; ++i) {
    rows.emplace_back(padded);
    for (std::size_t j = 0; j < padded; ++j)
      rows[i][j] = static_cast<std::int8_t>(static_cast<int>(random.below(255)) - 127);
    pointers.push_back(rows[i].data());
  }
  const auto factors = check::floats(random, count, kind);
  auto correlations = check::floats(random, padded, kind);
  for (std::size_t k = 0; k < padded / 10; ++k) correlations[random.below(padded)] = check::kNaN;
  check::Guarded<float> before(padded), block_max(block_max_size(padded));
  before.copy(correlations);
  kernels.subtract(correlations.data(), padded, pointers.data(), factors.data(), count, positive_only,
                   block_max.data());

  std::vector<float> most(block_max.size(), 0.0f);
  for (std::size_t j = 0; j < padded; ++j) {
    double exact = static_cast<double>(before[j]), magnitude = std::fabs(exact);
    if (std::isnan(before[j])) {
      check::that(std::isnan(correlations[j]), "subtract, %s: NaN became %g", isa_name(isa),
                  static_cast<double>(correlations[j]));
      continue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const double term = static_cast<double>(factors[i]) * rows[i][j];
      exact -= term;
      magnitude += std::fabs(term);
    }
    check::near(static_cast<double>(correlations[j]), exact,
                product::error_bound(2 * count) * magnitude * (1 + 1e-6) +
                    2 * static_cast<double>(count) * check::kTiny,
                "subtract", isa, padded);
    float& column = most[j / kBlock * kColumns + j % kColumns];
    column = std::fmax(column, strength(correlations[j], positive_only));
  }
  for (std::size_t c = 0; c < most.size(); ++c)
    check::that(block_max[c] == most[c], "block_max, %s, size %zu: %g, expected %g", isa_name(isa), padded,
                static_cast<double>(block_max[c]), static_cast<double>(most[c]));
  check::watched(correlations.intact() && block_max.intact(), "subtract", isa, padded);

  // Floors that are entries: what equals one is not above it.
  for (const std::size_t at : {std::size_t{0}, padded / 3, padded - 1}) {
    const float floor = std::isnan(correlations[at]) ? 0.0f : std::fabs(correlations[at]);
    std::vector<std::uint32_t> expected;
    for (std::size_t j = 0; j < padded; ++j)
      if (strength(correlations[j], positive_only) > floor) expected.push_back(static_cast<std::uint32_t>(j));
    check::Guarded<std::uint32_t> found(padded);
    const std::size_t number = kernels.above(correlations.data(), padded, block_max.data(), floor,
                                             positive_only, padded, found.data());
    check::equal(number, expected.size(), "above", isa, padded);
    std::sort(found.data(), found.data() + std::min(number, padded));
    check::that(number == expected.size() && std::equal(expected.begin(), expected.end(), found.data()),
                "above, %s, size %zu: other entries", isa_name(isa), padded);
    for (const std::size_t few : {expected.size() / 2, expected.size()}) {
      check::Guarded<std::uint32_t> some(few);
      const std::size_t got = kernels.above(correlations.data(), padded, block_max.data(), floor,
                                            positive_only, few, some.data());
      check::equal(got, std::min(expected.size(), few + 1), "above with few places", isa, padded);
      check::watched(some.intact(), "above", isa, padded);
    }
  }
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(17);
    for (const std::size_t padded : {64, 128, 192, 256, 320, 512, 832})
      for (const Kind kind : check::kKinds) {
        compression(isa, check::floats(random, padded, kind));
        for (const std::size_t count : {0, 1, 2, 3, 6})
          for (const bool positive_only : {false, true})
            update(isa, random, padded, count, kind, positive_only);
      }
    compression(isa, check::Guarded<float>(128));  // zeros
  }
  return check::finish();
}
