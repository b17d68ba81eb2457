#include "predicates.hpp"

#include <algorithm>
#include <cmath>

#include "../core/sums.hpp"
#include "../kernels/dots/dots.hpp"
#include "activity.hpp"
#include "subspace.hpp"

namespace unsuperpose {

namespace {

/// Features of one unit of work.
constexpr std::size_t kBlock = 64;
/// Covers what an error bound's own evaluation rounds.
constexpr double kSlack = 1 + 1e-9;
/// Covers underflow in float64 products of float32 data.
constexpr double kTiny = 1e-250;

struct Value {
  double value = 0, error = 0;
};

/// Σ e² has relative error γ_n in any order (products of float32 are exact in float64), its root half of that
/// and one rounding.
Value norm_of(const float* e, std::size_t dims) {
  const double norm = std::sqrt(dots::table().dot(e, e, dims));
  return {norm, gamma64(dims + 2) * norm * kSlack};
}

/// The numerator is off by γ_n‖e‖‖v‖, the denominator relatively by γ_{2n+6}, and the cosine is at most 1.
Value alignment(const float* e, const float* v, double v_norm, std::size_t dims) {
  const double norm = norm_of(e, dims).value;
  if (norm == 0) return {};
  // Divided one by one: the product of two norms could underflow.
  const double cosine = std::fabs(dots::table().dot(e, v, dims)) / norm / v_norm;
  return {std::min(cosine, 1.0), gamma64(4 * dims + 16) * kSlack};
}

/// See subspace.hpp; w is off by at most γ_{k+2}(‖e‖ + Σ|z_i|‖b_i‖).
Value energy(const float* e, const Subspace& subspace, std::vector<double>& z, std::vector<double>& w) {
  const Dictionary& rows = subspace.rows();
  const std::size_t dims = rows.dims(), count = rows.features();
  const double squared = dots::table().dot(e, e, dims);
  if (squared == 0) return {};
  z.resize(count);
  for (std::size_t i = 0; i < count; ++i) z[i] = dots::table().dot(rows.atom(i), e, dims);
  subspace.solve(z);
  w.assign(e, e + dims);
  double size = std::sqrt(squared);
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = rows.atom(i);
    for (std::size_t k = 0; k < dims; ++k) w[k] -= z[i] * static_cast<double>(row[k]);
    size += std::fabs(z[i]) * rows.norm(i);
  }
  const double outside = sums::squared_norm(w.data(), dims);
  const double w_norm = std::sqrt(outside), w_error = gamma64(count + 2) * size * kSlack + kTiny;
  double rest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = rows.atom(i);
    double r = 0;
    for (std::size_t k = 0; k < dims; ++k) r += static_cast<double>(row[k]) * w[k];
    r = std::fabs(r) + rows.norm(i) * (w_error + gamma64(dims + 4) * w_norm) * kSlack;
    rest += r * r;
  }
  const double error = 2 * w_norm * w_error + w_error * w_error + gamma64(dims + 4) * outside +
                       rest * kSlack / subspace.smallest_eigenvalue();
  return {std::clamp(1 - outside / squared, 0.0, 1.0), (error / squared + gamma64(2 * dims + 16)) * kSlack};
}

class Evaluator {
 public:
  Evaluator(std::shared_ptr<const Dictionary> dictionary, const SparseCodes* codes,
            const Predicate& predicate, const Execution& execution, PredicateValues& out)
      : shared_(std::move(dictionary)),
        dictionary_(*shared_),
        predicate_(predicate),
        execution_(execution),
        out_(out),
        features_(dictionary_.features()),
        dims_(dictionary_.dims()) {
    if (codes) activity_ = Activity(*codes, features_);
  }

  Status run() {
    const std::size_t total = predicate_.quantities.size() * features_;
    out_.truth.assign(features_, 0);
    out_.values.assign(total, 0);
    out_.errors.assign(total, 0);
    execution_.set_total(predicate_.quantities.size());
    for (std::size_t q = 0; q < predicate_.quantities.size(); ++q) {
      const Status status = measure(predicate_.quantities[q], q * features_);
      if (!status.ok()) return status;
      if (execution_.cancelled()) return Status::cancelled();
      execution_.advance(1);
    }
    each([&](std::size_t f, auto&) { out_.truth[f] = static_cast<std::uint8_t>(decide(f)); });
    return execution_.cancelled() ? Status::cancelled() : Status{};
  }

 private:
  struct Scratch {
    std::vector<double> z, w;
  };

  template <class Body>
  void each(const Body& body) {
    execution_.for_each((features_ + kBlock - 1) / kBlock, [&](std::size_t block) {
      Scratch scratch;
      for (std::size_t f = block * kBlock; f < std::min(features_, (block + 1) * kBlock); ++f)
        body(f, scratch);
    });
  }

  void set(std::size_t at, Value value) {
    out_.values[at] = value.value;
    out_.errors[at] = value.error;
  }

  Status measure(const Quantity& quantity, std::size_t first) {
    switch (quantity.kind) {
      case QuantityKind::norm:
        each([&](std::size_t f, Scratch&) { set(first + f, norm_of(dictionary_.atom(f), dims_)); });
        return {};
      case QuantityKind::alignment: {
        const float* v = quantity.rows.row(0);
        const double size = norm_of(v, dims_).value;
        each(
            [&](std::size_t f, Scratch&) { set(first + f, alignment(dictionary_.atom(f), v, size, dims_)); });
        return {};
      }
      case QuantityKind::energy: {
        std::unique_ptr<Subspace> subspace;
        const Status status = Subspace::make(quantity.rows, subspace);
        if (status.ok())
          each([&](std::size_t f, Scratch& s) {
            set(first + f, energy(dictionary_.atom(f), *subspace, s.z, s.w));
          });
        return status;
      }
      case QuantityKind::density:
        each([&](std::size_t f, Scratch&) {
          const double density = activity_.density(f);
          set(first + f, {density, density * 0x1.0p-53});
        });
        return {};
      case QuantityKind::activation:
        each([&](std::size_t f, Scratch&) { set(first + f, {activity_.maxima[f], 0}); });
        return {};
      case QuantityKind::connection: return connections(quantity, first);
    }
    return {};
  }

  /// By the selecting product over all pairs (pairs.hpp): the strongest of each feature.
  Status connections(const Quantity& quantity, std::size_t first) {
    const Execution quiet{execution_.threads, execution_.monitor, false};
    std::unique_ptr<FeaturePairs> pairs;
    Status status = make_pairs(shared_, quantity.weight, quantity.to, nullptr, nullptr, quiet, pairs);
    std::vector<std::uint32_t> partners;
    std::vector<double> values;
    if (status.ok()) status = pairs->strongest_of_each(false, 1, quiet, partners, values);
    if (!status.ok()) return status;
    const PairSide &to = pairs->to(), &from = pairs->from();
    for (std::size_t f = 0; f < features_; ++f) {
      const double error = pair_error(to.dims(), to.max_norm(), to.max_error(), to.max_low(), from.norm(f),
                                      from.error(f), from.low_norm(f));
      set(first + f, {std::fabs(values[f]), pairs->full_bound(error * kSlack)});
    }
    return {};
  }

  /// Whether sign · (quantity − t) > 0.
  Truth exceeds(const Quantity& quantity, std::size_t f, std::size_t at, double t, double sign) const {
    // count/samples − t has the sign of count − t·samples, which one fused operation rounds without changing
    // it.
    const bool density = quantity.kind == QuantityKind::density;
    const double distance = density
                                ? std::fma(-t, static_cast<double>(activity_.samples), activity_.counts[f])
                                : out_.values[at] - t;
    const double difference = sign * distance, error = density ? 0 : out_.errors[at];
    return difference > error ? Truth::yes : difference <= -error ? Truth::no : Truth::undecided;
  }

  static Truth both(Truth a, Truth b) {
    if (a == Truth::no || b == Truth::no) return Truth::no;
    return a == Truth::yes && b == Truth::yes ? Truth::yes : Truth::undecided;
  }
  static Truth opposite(Truth a) {
    return a == Truth::undecided ? a : a == Truth::yes ? Truth::no : Truth::yes;
  }

  Truth decide(std::size_t f) const {
    std::vector<Truth> stack;
    const auto pop = [&] {
      const Truth top = stack.back();
      stack.pop_back();
      return top;
    };
    for (const std::int32_t entry : predicate_.program) {
      if (entry == kNot) {
        stack.push_back(opposite(pop()));
      } else if (entry == kAnd) {
        const Truth b = pop(), a = pop();
        stack.push_back(both(a, b));
      } else if (entry == kOr) {
        const Truth b = pop(), a = pop();
        stack.push_back(opposite(both(opposite(a), opposite(b))));
      } else {
        const auto q = static_cast<std::size_t>(entry);
        const Quantity& quantity = predicate_.quantities[q];
        Truth truth = Truth::yes;
        if (quantity.above != -std::numeric_limits<double>::infinity())
          truth = both(truth, exceeds(quantity, f, q * features_ + f, quantity.above, 1));
        if (quantity.below != std::numeric_limits<double>::infinity())
          truth = both(truth, exceeds(quantity, f, q * features_ + f, quantity.below, -1));
        stack.push_back(truth);
      }
    }
    return stack.back();
  }

  const std::shared_ptr<const Dictionary> shared_;
  const Dictionary& dictionary_;
  const Predicate& predicate_;
  const Execution& execution_;
  PredicateValues& out_;
  const std::size_t features_, dims_;
  Activity activity_;
};

}  // namespace

Status evaluate(const std::shared_ptr<const Dictionary>& dictionary, const SparseCodes* codes,
                const Predicate& predicate, const Execution& execution, PredicateValues& out) {
  return Evaluator(dictionary, codes, predicate, execution, out).run();
}

}  // namespace unsuperpose
