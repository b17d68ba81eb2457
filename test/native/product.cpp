// The selecting product in float32 at every level. `store` against float64, within γ_dims of float32 relative to Σ|a_k b_k|; every
// other epilogue exactly what a plain loop picks from the stored scores, bit for bit, on one thread and on two.
#include <algorithm>

#include "../../native/kernels/product/product.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;
using product::Entry;

namespace {

struct Case {
  Isa isa;
  std::size_t count, features, dims;
  check::Guarded<float> left, right, scale;
  product::PackedRows packed;
  std::vector<float> scores;

  Case(Isa isa_, Random& random, std::size_t count_, std::size_t features_, std::size_t dims_, Kind kind)
      : isa(isa_),
        count(count_),
        features(features_),
        dims(dims_),
        left(check::floats(random, count * dims, kind)),
        right(check::floats(random, features * dims, kind == Kind::ties ? kind : Kind::gaussian)),
        scale(features) {
    for (std::size_t j = 0; j < features; ++j)
      scale[j] =
          kind == Kind::ties ? static_cast<float>(1 + j % 2) : 0.5f + static_cast<float>(random.uniform());
    pack();
  }
  void pack() { packed = product::PackedRows({right.data(), features, dims}, isa); }
  product::LeftRows rows() const { return ConstMatrix32(left.data(), count, dims); }
  float score(std::size_t i, std::size_t j) const { return scores[i * features + j]; }

  void store(unsigned threads) {
    Execution execution;
    execution.threads = threads;
    const std::size_t stride = features + 1;
    check::Guarded<float> out(count * stride);
    product::store(rows(), packed, {out.data(), count, features, stride}, execution);
    check::watched(out.intact(), "store", isa, dims);
    scores.resize(count * features);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < features; ++j) scores[i * features + j] = out[i * stride + j];
  }

  void accuracy() const {
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < features; ++j) {
        double exact = 0, magnitude = 0;
        for (std::size_t k = 0; k < dims; ++k) {
          const double term =
              static_cast<double>(left[i * dims + k]) * static_cast<double>(right[j * dims + k]);
          exact += term;
          magnitude += std::fabs(term);
        }
        const auto n = static_cast<double>(dims);
        check::near(static_cast<double>(score(i, j)), exact,
                    (product::error_bound(dims) + n * check::kDoubleUnit) * magnitude + n * check::kTiny,
                    "store", isa, dims);
      }
  }

  float strength(std::size_t i, std::size_t j, const product::SelectOptions& options) const {
    const float size = options.positive_only ? score(i, j) : std::fabs(score(i, j));
    return options.scale ? size * options.scale[j] : size;
  }

  /// The entries of row i above its floor, by index.
  std::vector<Entry> kept(std::size_t i, const product::SelectOptions& options) const {
    std::vector<Entry> entries;
    for (std::size_t j = 0; j < features; ++j)
      if (strength(i, j, options) > (options.floor ? options.floor[i] : -check::kInfinity))
        entries.push_back({score(i, j), static_cast<std::uint32_t>(j)});
    return entries;
  }

  /// The same entries, bit for bit.
  void compare(const Entry* got, std::size_t number, const Entry* expected, std::size_t expected_number,
               const char* what) const {
    bool equal = number == expected_number;
    for (std::size_t k = 0; k < number && equal; ++k)
      equal = got[k].index == expected[k].index &&
              std::bit_cast<std::uint32_t>(got[k].value) == std::bit_cast<std::uint32_t>(expected[k].value);
    check::that(equal, "%s, %s, %zu features: other entries than expected (%zu of %zu)", what, isa_name(isa),
                features, number, expected_number);
  }

  void epilogues(Random& random, unsigned threads) {
    Execution execution;
    execution.threads = threads;
    std::vector<float> floors(count), strongest(count);
    for (const bool positive_only : {false, true})
      for (const bool scaled : {false, true}) {
        product::SelectOptions options;
        options.positive_only = positive_only;
        options.scale = scaled ? scale.data() : nullptr;

        product::max(rows(), packed, options, strongest.data(), execution);
        for (std::size_t i = 0; i < count; ++i) {
          float most = -check::kInfinity;
          for (std::size_t j = 0; j < features; ++j)
            if (strength(i, j, options) > most) most = strength(i, j, options);
          check::that(strongest[i] == most, "max, %s: %g, expected %g", isa_name(isa),
                      static_cast<double>(strongest[i]), static_cast<double>(most));
          // Floors that some strength is equal to: not above it.
          floors[i] = features > 0 ? std::fabs(strength(i, random.below(features), options)) : 0;
          if (std::isnan(floors[i])) floors[i] = 0;
        }
        for (const bool floored : {false, true}) {
          options.floor = floored ? floors.data() : nullptr;
          std::vector<std::vector<Entry>> by_index, ranked;
          for (std::size_t i = 0; i < count; ++i) {
            by_index.push_back(kept(i, options));
            ranked.push_back(by_index[i]);
            std::stable_sort(ranked[i].begin(), ranked[i].end(), [&](const Entry& a, const Entry& b) {
              return strength(i, a.index, options) > strength(i, b.index, options);
            });
          }
          for (const std::size_t capacity :
               {std::size_t{1}, std::size_t{5}, features / 2 + 1, features + 3}) {
            options.capacity = capacity;
            product::Selection selection;
            product::select(rows(), packed, options, selection, execution);
            for (std::size_t i = 0; i < count; ++i)
              compare(selection.row(i), selection.count[i], ranked[i].data(),
                      std::min(ranked[i].size(), capacity), "select");
          }
          std::vector<std::vector<Entry>> found;
          std::size_t all = 0;
          const bool fits = product::above(rows(), packed, options, count * features, found, execution).ok();
          check::that(fits, "above, %s: too many", isa_name(isa));
          for (std::size_t i = 0; i < count && fits; ++i) {
            compare(found[i].data(), found[i].size(), by_index[i].data(), by_index[i].size(), "above");
            all += found[i].size();
          }
          if (all > 0)
            check::that(!product::above(rows(), packed, options, all - 1, found, execution).ok(),
                        "above, %s: the limit did not hold", isa_name(isa));
        }
      }
  }
};

/// A score that is NaN is never kept, and is no maximum.
void not_a_number(Isa isa, Random& random) {
  for (const std::size_t features : {1, 17, 70, 130}) {
    Case here(isa, random, 9, features, 5, Kind::gaussian);
    here.left[2 * here.dims] = check::kNaN;
    here.right[features / 2 * here.dims + 1] = check::kNaN;
    here.pack();
    here.store(1);
    here.epilogues(random, 1);
  }
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(20);
    for (std::size_t dims = 0; dims <= 70; ++dims)
      for (const Kind kind : check::kKinds) {
        Case here(isa, random, 1 + dims % 14, 1 + (37 * dims) % 140, dims, kind);
        here.store(1);
        here.accuracy();
        if (dims % 5 == 0) here.epilogues(random, 1 + static_cast<unsigned>(dims) % 2);
      }
    not_a_number(isa, random);
    // More rows than a block, a depth in parts, and groups of panels that are merged; the same bits on one thread and on two.
    for (const Kind kind : {Kind::gaussian, Kind::ties}) {
      Case deep(isa, random, 101, 67, 1100, kind), wide(isa, random, 130, 2001, 64, kind);
      for (Case* here : {&deep, &wide}) {
        here->store(2);
        const std::vector<float> scores = here->scores;
        here->store(1);
        check::that(scores == here->scores, "store, %s: other bits on two threads", isa_name(isa));
      }
      deep.accuracy();
      deep.epilogues(random, 1);
      wide.epilogues(random, 2);
    }
  }
  return check::finish();
}
