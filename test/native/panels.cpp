// Products of weights with panels of samples at every level, dense and over places. A sum of n products is a chain in float32 (or a
// few, and a tree), two roundings a step at the scalar level: γ_2n relative to the terms' magnitudes, and what its float64 counterpart
// rounds, which γ's second order covers. Places and signs are exact.
#include "../../native/kernels/panels/panels.hpp"
#include "../../native/kernels/product/product.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;
using namespace panels;

namespace {

struct Sum {
  double value = 0, magnitude = 0;
  std::size_t terms = 0;
  void add(double a, double b = 1) {
    value += a * b;
    magnitude += std::fabs(a * b);
    ++terms;
  }
  double bound() const {
    return product::error_bound(2 * terms) * magnitude * (1 + 1e-6) +
           2 * static_cast<double>(terms) * check::kTiny;
  }
};

double at(const check::Guarded<float>& values, std::size_t i) { return static_cast<double>(values[i]); }

struct Case {
  Isa isa;
  const Table& kernels;
  std::size_t features, dims;
  Kind kind;
  check::Guarded<float> weights, x;  // x: about a third of its entries are not zero
  std::vector<std::uint32_t> active;

  Case(Isa isa_, Random& random, std::size_t features_, std::size_t dims_, Kind kind_)
      : isa(isa_),
        kernels(*panels::table(isa_)),
        features(features_),
        dims(dims_),
        kind(kind_),
        weights(check::floats(random, features * dims, Kind::gaussian)),
        x(check::floats(random, features * kPanel, kind)),
        active(features) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (random.below(3) > 0) x[i] = 0;
      if (x[i] != 0) active[i / kPanel] |= std::uint32_t{1} << i % kPanel;
    }
  }

  std::vector<std::uint32_t> places() const {
    std::vector<std::uint32_t> expected;
    for (std::size_t i = 0; i < features * kPanel; ++i)
      if (active[i / kPanel] >> i % kPanel & 1) expected.push_back(static_cast<std::uint32_t>(i));
    check::Guarded<std::uint32_t> found(features * kPanel + kPanel);
    check::equal(kernels.places(active.data(), features, found.data()), expected.size(), "places", isa,
                 features);
    for (std::size_t n = 0; n < expected.size(); ++n)
      check::equal(found[n], expected[n], "place", isa, features);
    check::watched(found.intact(), "places", isa, features);
    return expected;
  }

  void encode(const std::vector<std::uint32_t>& where) const {
    check::Guarded<float> dense(dims * kPanel), sparse(dims * kPanel), rows(kPanel * row_stride(dims));
    kernels.encode(weights.data(), features, dims, x.data(), dense.data());
    kernels.encode_places(weights.data(), dims, x.data(), where.data(), where.size(), rows.data(),
                          sparse.data());
    for (std::size_t k = 0; k < dims; ++k)
      for (std::size_t s = 0; s < kPanel; ++s) {
        Sum sum;
        for (std::size_t i = 0; i < features; ++i) sum.add(at(weights, i * dims + k), at(x, i * kPanel + s));
        check::near(at(dense, k * kPanel + s), sum.value, sum.bound(), "encode", isa, features);
        check::near(at(sparse, k * kPanel + s), sum.value, sum.bound(), "encode_places", isa, features);
      }
    check::watched(dense.intact() && sparse.intact() && rows.intact(), "encode", isa, features);
  }

  void decode(Random& random) const {
    check::Guarded<float> packed(packed_size(features, dims)), out(features * kPanel);
    const auto hidden = check::floats(random, dims * kPanel, kind);
    kernels.pack(weights.data(), features, dims, packed.data());
    kernels.multiply(packed.data(), features, dims, hidden.data(), out.data());
    for (std::size_t i = 0; i < features; ++i)
      for (std::size_t s = 0; s < kPanel; ++s) {
        Sum sum;
        for (std::size_t k = 0; k < dims; ++k) sum.add(at(weights, i * dims + k), at(hidden, k * kPanel + s));
        check::near(at(out, i * kPanel + s), sum.value, sum.bound(), "multiply", isa, dims);
      }
    check::watched(packed.intact() && out.intact(), "multiply", isa, dims);

    const auto bias = check::floats(random, features, kind);
    auto importance = check::floats(random, features, Kind::gaussian);
    for (std::size_t i = 0; i < features; ++i) importance[i] = std::fabs(importance[i]);
    for (const bool relu : {false, true}) {
      check::Guarded<float> g(features * kPanel), lanes(features * kMostLanes), folded(features);
      const Decoder decoder = {packed.data(), bias.data(), importance.data(), features, dims, relu};
      const double loss =
          static_cast<double>(kernels.decode(decoder, x.data(), hidden.data(), g.data(), lanes.data()));
      double expected = 0, loss_off = 0;
      for (std::size_t i = 0; i < features; ++i) {
        Sum bias_sum;
        for (std::size_t s = 0; s < kPanel; ++s) {
          const std::size_t place = i * kPanel + s;
          Sum y;
          y.add(at(bias, i));
          for (std::size_t k = 0; k < dims; ++k) y.add(at(weights, i * dims + k), at(hidden, k * kPanel + s));
          // e = y − x and weight·e round once each.
          const double error = (relu ? std::fmax(y.value, 0) : y.value) - at(x, place),
                       weight = at(importance, i);
          const double error_off = y.bound() + 2 * check::kUnit * (std::fabs(error) + y.bound());
          const double expected_g = relu && y.value <= 0 ? 0 : weight * error;
          if (!relu || std::fabs(y.value) > y.bound())
            check::near(at(g, place), expected_g, weight * error_off + 2 * check::kTiny, "decode", isa, dims);
          bias_sum.add(at(g, place));
          expected += weight * error * error / 2;
          loss_off += weight * error_off * (std::fabs(error) + error_off) + 4 * check::kTiny;
        }
        check::Guarded<float> one(1);
        kernels.fold_lanes(lanes.data(), features, folded.data());
        check::near(at(folded, i), bias_sum.value, bias_sum.bound(), "bias_sums", isa, dims);
        folded[i] = 0;
        for (std::size_t j = 0; j < features; ++j) folded[j] = 0;
      }
      check::near(loss, expected, loss_off + product::error_bound(2 * features * kPanel) * expected, "loss",
                  isa, dims);
      check::watched(g.intact() && lanes.intact() && folded.intact(), "decode", isa, dims);
    }
  }

  void outer(Random& random, const std::vector<std::uint32_t>& where) const {
    constexpr std::size_t kPanels = 3, kPairs = 2;
    const auto v = check::floats(random, kPairs * kPanels * features * kPanel, kind),
               u = check::floats(random, kPairs * kPanels * dims * kPanel, Kind::gaussian);
    const Pair pairs[kPairs] = {{v.data(), u.data()},
                                {v.data() + kPanels * features * kPanel, u.data() + kPanels * dims * kPanel}};
    check::Guarded<float> tiles(tiles_size(features, dims)), gradient(features * dims);
    const auto start = check::floats(random, features * dims, kind);
    gradient.copy(start);
    kernels.outer(pairs, kPairs, kPanels, features, dims, tiles.data());
    kernels.outer(pairs, 1, 1, features, dims, tiles.data());  // adds
    kernels.add_tiles(tiles.data(), features, dims, gradient.data());
    for (std::size_t i = 0; i < features; ++i)
      for (std::size_t k = 0; k < dims; ++k) {
        Sum sum;
        sum.add(at(start, i * dims + k));
        for (std::size_t panel = 0; panel <= kPairs * kPanels; ++panel)  // the first panel once more
          for (std::size_t s = 0; s < kPanel; ++s) {
            const std::size_t p = panel % (kPairs * kPanels);
            sum.add(at(v, (p * features + i) * kPanel + s), at(u, (p * dims + k) * kPanel + s));
          }
        check::near(at(gradient, i * dims + k), sum.value, sum.bound(), "outer", isa, features);
      }
    check::watched(tiles.intact() && gradient.intact(), "outer", isa, features);

    const std::size_t stride = row_stride(dims);
    check::Guarded<float> rows(kPanel * stride), padded(features * stride);
    kernels.outer_places(x.data(), where.data(), where.size(), u.data(), dims, rows.data(), padded.data());
    for (std::size_t i = 0; i < features; ++i)
      for (std::size_t k = 0; k < dims; ++k) {
        Sum sum;
        for (std::size_t s = 0; s < kPanel; ++s) sum.add(at(x, i * kPanel + s), at(u, k * kPanel + s));
        check::near(at(padded, i * stride + k), sum.value, sum.bound(), "outer_places", isa, features);
      }
    check::watched(rows.intact() && padded.intact(), "outer_places", isa, features);
  }

  void signs(Random& random) const {
    const auto before = check::floats(random, features * kPanel, kind);
    check::Guarded<float> gradient(before.size());
    gradient.copy(before);
    constexpr float kAmount = 0.3f;
    const float total = kernels.add_signs(x.data(), features, kAmount, gradient.data());
    Sum sum;
    for (std::size_t i = 0; i < before.size(); ++i) {
      sum.add(static_cast<double>(kAmount), std::fabs(at(x, i)));
      const float expected = x[i] == 0 ? before[i] : before[i] + std::copysign(kAmount, x[i]);
      check::that(gradient[i] == expected, "add_signs, %s: %g", isa_name(isa), at(gradient, i));
    }
    check::near(static_cast<double>(total), sum.value, sum.bound() + check::kTiny, "add_signs' sum", isa,
                features);
    check::watched(gradient.intact(), "add_signs", isa, features);
  }
};

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(18);
    for (const std::size_t features : {1, 2, 3, 5, 9, 21})
      for (const std::size_t dims : {1, 2, 3, 4, 5, 7, 10, 11, 20, 33})
        for (const Kind kind : {Kind::gaussian, Kind::heavy, Kind::tiny, Kind::subnormal}) {
          const Case here(isa, random, features, dims, kind);
          const std::vector<std::uint32_t> where = here.places();
          here.encode(where);
          here.decode(random);
          here.outer(random, where);
          here.signs(random);
        }
  }
  return check::finish();
}
