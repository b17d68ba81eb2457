// Who may be among the strongest: all that must be listed, in order and bit for bit, and nothing that is too weak. And products of
// pairs in float64, atom by atom as row by row.
#include <algorithm>

#include "../../native/kernels/dots/dots.hpp"
#include "../../native/kernels/product/product.hpp"
#include "../../native/scoring/exact_products.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;

namespace {

struct Case {
  Isa isa;
  std::size_t count, features, dims;
  check::Guarded<float> left, right, scale;
  std::vector<float> scores;
  product::PackedRows packed;

  Case(Isa isa_, Random& random, std::size_t count_, std::size_t features_, std::size_t dims_, Kind kind)
      : isa(isa_),
        count(count_),
        features(features_),
        dims(dims_),
        left(check::floats(random, count * dims, kind)),
        right(check::floats(random, features * dims, kind == Kind::ties ? kind : Kind::gaussian)),
        scale(features),
        scores(count * features) {
    for (std::size_t j = 0; j < features; ++j) scale[j] = 0.5f + static_cast<float>(random.uniform());
    packed = product::PackedRows({right.data(), features, dims}, isa);
    product::store(rows(), packed, {scores.data(), count, features, features}, {});
  }
  product::LeftRows rows() const { return ConstMatrix32(left.data(), count, dims); }

  float strength(std::size_t i, std::size_t j, const product::ContenderOptions& options) const {
    const float score = scores[i * features + j];
    const float size = options.positive_only ? score : std::fabs(score);
    return options.scale ? size * options.scale[j] : size;
  }

  void row(std::size_t i, const product::ContenderOptions& options, const product::Contenders& found,
           bool tight) const {
    std::vector<float> ranked;
    for (std::size_t j = 0; j < features; ++j)
      if (!std::isnan(strength(i, j, options))) ranked.push_back(strength(i, j, options));
    std::sort(ranked.begin(), ranked.end(), std::greater<>());
    const std::size_t k = options.wanted;
    const auto floor_of = [&](std::size_t rank) {
      return rank <= ranked.size()
                 ? static_cast<double>(ranked[rank - 1]) - static_cast<double>(options.margins[i])
                 : -std::numeric_limits<double>::infinity();
    };
    const double must = floor_of(k), may = floor_of(k + 1);
    const double rounding = 0x1p-22 * (std::fabs(may) + std::fabs(static_cast<double>(options.margins[i])));
    if (!found.fits[i]) {
      check::that(found.count[i] == 0, "given up, with a list");
      check::that(features > options.capacity, "%s: given up where all features fit", isa_name(isa));
      return;
    }
    check::that(found.count[i] <= options.capacity, "more than the capacity");
    std::size_t at = 0;
    for (std::uint32_t j = 0; j < features; ++j) {
      const auto s = static_cast<double>(strength(i, j, options));
      const bool listed = at < found.count[i] && found.row(i)[at].index == j;
      if (listed)
        check::that(std::bit_cast<std::uint32_t>(found.row(i)[at].value) ==
                        std::bit_cast<std::uint32_t>(scores[i * features + j]),
                    "%s: another value", isa_name(isa));
      check::that(listed || !(s >= must), "%s, %zu features: %g is not listed, from %g on", isa_name(isa),
                  features, s, must);
      check::that(!tight || !listed || s >= may - rounding, "%s, %zu features: %g is listed, below %g",
                  isa_name(isa), features, s, may);
      at += listed ? 1 : 0;
    }
    check::that(at == found.count[i], "%s: not ascending by index", isa_name(isa));
  }

  /// `fits`: every row's contenders do. `tight`: strengths are of one size, so that bisection tells them apart.
  void run(Random& random, unsigned threads, bool fits, bool tight) const {
    Execution execution;
    execution.threads = threads;
    std::vector<float> margins(count);
    for (const std::size_t wanted : {std::size_t{1}, std::size_t{7}, features / 2 + 1, features})
      for (const bool plain : {true, false}) {
        for (float& margin : margins) margin = plain ? 0 : 0.2f * static_cast<float>(random.uniform());
        product::ContenderOptions options;
        options.wanted = std::min(wanted, features);
        options.margins = margins.data();
        options.capacity = options.wanted + options.wanted / 2 + 80;
        options.positive_only = plain;
        options.scale = plain ? nullptr : scale.data();
        product::Contenders found;
        product::contenders(rows(), packed, options, found, execution);
        for (std::size_t i = 0; i < count; ++i) {
          row(i, options, found, tight);
          check::that(!fits || found.fits[i], "%s, %zu of %zu features: given up", isa_name(isa),
                      options.wanted, features);
        }
      }
  }
};

/// The same bits as products one by one, for pairs few and many, and for atoms that no row has.
void pairs(Random& random, std::size_t rows, std::size_t features, std::size_t dims, double share,
           unsigned threads) {
  const auto x = check::floats(random, rows * dims, Kind::gaussian);
  const auto d = check::floats(random, features * dims, Kind::gaussian);
  std::shared_ptr<const Dictionary> dictionary;
  check::that(Dictionary::make({d.data(), features, dims}, false, dictionary).ok(), "a dictionary");
  scoring::ExactPairs some;
  Execution execution;
  execution.threads = threads;
  for (int again = 0; again < 2; ++again) {  // its memory is used again
    some.clear();
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::uint32_t j = 0; j < features; ++j)
        if (random.uniform() < share) some.atoms.push_back(j);
      some.end(x.data() + i * dims);
    }
    for (const std::size_t used : {dims, dims / 2}) {
      some.multiply(*dictionary, used, execution);
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t e = some.starts[i]; e < some.starts[i + 1]; ++e)
          check::that(some.products[e] ==
                          dots::table().dot(x.data() + i * dims, dictionary->atom(some.atoms[e]), used),
                      "pairs of %zu rows, %zu features, %zu dims: other bits", rows, features, dims);
    }
  }
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(31);
    for (std::size_t dims = 1; dims <= 40; dims += 3)
      for (const Kind kind : check::kKinds)
        Case(isa, random, 1 + dims % 14, 1 + (37 * dims) % 140, dims, kind)
            .run(random, 1 + static_cast<unsigned>(dims) % 2, false, kind == Kind::gaussian);
    // Groups of panels that are merged, a depth in parts; and more rows than a block.
    Case(isa, random, 130, 2001, 64, Kind::gaussian).run(random, 2, false, true);
    Case(isa, random, 130, 2001, 64, Kind::ties).run(random, 2, false, false);
    Case(isa, random, 101, 67, 1100, Kind::gaussian).run(random, 1, true, true);
    // Scores that are far apart beside the margins.
    Case far(isa, random, 20, 700, 900, Kind::gaussian);
    far.run(random, 1, true, true);
    Case broken(isa, random, 9, 130, 5, Kind::gaussian);
    broken.left[2 * broken.dims] = check::kNaN;
    product::store(broken.rows(), broken.packed, {broken.scores.data(), 9, 130, 130}, {});
    broken.run(random, 1, false, false);
  }
  Random random(32);
  for (const std::size_t dims : {1, 16, 37, 130})
    for (const double share : {0.0, 0.01, 0.3, 1.0}) {
      pairs(random, 1, 90, dims, share, 1);
      pairs(random, 67, 150, dims, share, 2);
    }
  return check::finish();
}
