// The quantities of predicates.hpp once more, to verify what was claimed: in double-double, by plain loops
// that share no kernel with predicates.cpp (only the proof that a subspace's rows are independent,
// subspace.hpp). Sums of n terms are off by at most n units of that arithmetic times the sum of absolute
// values.
#include <algorithm>
#include <cmath>

#include "activity.hpp"
#include "double_double.hpp"
#include "predicates.hpp"
#include "subspace.hpp"

namespace unsuperpose {

namespace {

constexpr std::size_t kBlock = 16;
/// Covers what a bound's own evaluation rounds.
constexpr double kSlack = 1 + 1e-9;
/// Covers underflow in the low parts of products.
constexpr double kTiny = 1e-250;

struct Again {
  DoubleDouble value;
  double error = 0;
};

/// Sums that go on side by side: each addition waits for the one before it.
constexpr std::size_t kLanes = 4;

template <class Term>
DoubleDouble sum_of(std::size_t n, const Term& term) {
  DoubleDouble lanes[kLanes];
  std::size_t k = 0;
  for (; k + kLanes <= n; k += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = lanes[lane] + term(k + lane);
  for (; k < n; ++k) lanes[0] = lanes[0] + term(k);
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

DoubleDouble dot(const float* a, const float* b, std::size_t n) {
  return sum_of(
      n, [&](std::size_t k) { return DoubleDouble(static_cast<double>(a[k]) * static_cast<double>(b[k])); });
}

DoubleDouble dot(const std::vector<DoubleDouble>& a, const float* b) {
  return sum_of(a.size(), [&](std::size_t k) { return times_float(a[k], b[k]); });
}

Again norm_of(const float* e, std::size_t dims) {
  const DoubleDouble norm = root(dot(e, e, dims));
  return {norm, double_double_error(dims + 8) * norm.high};
}

Again alignment(const float* e, const float* v, std::size_t dims) {
  const DoubleDouble squared = dot(e, e, dims);
  if (squared.high == 0) return {};
  const DoubleDouble cosine = absolute(dot(e, v, dims)) / root(squared) / root(dot(v, v, dims));
  return {cosine, double_double_error(4 * dims + 32)};
}

Again energy(const float* e, const Subspace& subspace) {
  const Dictionary& rows = subspace.rows();
  const std::size_t dims = rows.dims(), count = rows.features();
  const DoubleDouble squared = dot(e, e, dims);
  if (squared.high == 0) return {};
  std::vector<double> z(count);
  for (std::size_t i = 0; i < count; ++i) z[i] = dot(rows.atom(i), e, dims).value();
  subspace.solve(z);
  std::vector<DoubleDouble> w(dims);
  double size = std::sqrt(squared.high);
  for (std::size_t i = 0; i < count; ++i) size += std::fabs(z[i]) * rows.norm(i);
  for (std::size_t k = 0; k < dims; ++k) w[k] = DoubleDouble(e[k]);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < dims; ++k) w[k] = w[k] - times_float(DoubleDouble(z[i]), rows.atom(i)[k]);
  const DoubleDouble outside = sum_of(dims, [&](std::size_t k) { return w[k] * w[k]; });
  const double w_norm = std::sqrt(std::max(0.0, outside.high));
  const double w_error = double_double_error(count + 8) * size * kSlack + kTiny;
  double rest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double r = dot(w, rows.atom(i)).value();
    const double most =
        std::fabs(r) + rows.norm(i) * (w_error + double_double_error(dims + 8) * w_norm) * kSlack;
    rest += most * most;
  }
  const double error = 2 * w_norm * w_error + w_error * w_error +
                       double_double_error(dims + 8) * outside.high +
                       rest * kSlack / subspace.smallest_eigenvalue();
  return {DoubleDouble(1) - outside / squared,
          (error / squared.high + double_double_error(2 * dims + 32)) * kSlack};
}

/// A vector in double-double with a bound of the norm of its error.
struct Mapped {
  std::vector<DoubleDouble> row;
  double error = 0;
};

/// dᵀ M_1 M_2 ⋯ M_k
Mapped map(const float* d, std::size_t dims, const MatrixChain& weight) {
  Mapped mapped{{d, d + dims}, 0};
  for (const ConstMatrix32& matrix : weight) {
    Mapped next{std::vector<DoubleDouble>(matrix.cols), 0};
    double squared_size = 0, frobenius = 0;
    std::vector<double> sizes(matrix.cols);
    for (std::size_t k = 0; k < matrix.rows; ++k)
      for (std::size_t c = 0; c < matrix.cols; ++c) {
        const float m = matrix.row(k)[c];
        next.row[c] = next.row[c] + times_float(mapped.row[k], m);
        sizes[c] += std::fabs(mapped.row[k].high * m);
        frobenius += static_cast<double>(m) * m;
      }
    for (const double size : sizes) squared_size += size * size;
    const double rounded = double_double_error(matrix.rows + 8) * std::sqrt(squared_size);
    next.error = (rounded + std::sqrt(frobenius) * mapped.error) * kSlack + kTiny;
    mapped = std::move(next);
  }
  return mapped;
}

double norm_of(const std::vector<DoubleDouble>& row) {
  double sum = 0;
  for (const DoubleDouble& entry : row) sum += entry.high * entry.high;
  return std::sqrt(sum);
}

/// Σ a_k e_k in float64, off by at most γ_{n+4}‖a‖‖e‖ with what the rows' low parts add.
double rough_dot(const std::vector<DoubleDouble>& a, const float* e) {
  double sums[kLanes] = {};
  std::size_t k = 0;
  for (; k + kLanes <= a.size(); k += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      sums[lane] += a[k + lane].high * static_cast<double>(e[k + lane]);
  for (; k < a.size(); ++k) sums[0] += a[k].high * static_cast<double>(e[k]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// The largest in absolute value. Only those that can be it are summed in double-double; with every one of these
/// within the largest error, so is the maximum.
Again connection(const float* e, double e_norm, std::size_t dims, const std::vector<Mapped>& set,
                 const std::vector<double>& norms) {
  std::vector<double> rough(set.size()), bounds(set.size());
  double least = 0;
  for (std::size_t s = 0; s < set.size(); ++s) {
    rough[s] = std::fabs(rough_dot(set[s].row, e));
    bounds[s] = (gamma64(dims + 4) * norms[s] + set[s].error) * e_norm * kSlack + kTiny;
    least = std::max(least, rough[s] - bounds[s]);
  }
  Again most;
  for (std::size_t s = 0; s < set.size(); ++s) {
    if (rough[s] + bounds[s] * kSlack < least) continue;
    const DoubleDouble sum = absolute(dot(set[s].row, e));
    if ((sum - most.value).value() > 0) most.value = sum;
    const double error = (set[s].error + double_double_error(dims + 8) * norms[s]) * e_norm * kSlack + kTiny;
    most.error = std::max(most.error, error);
  }
  return most;
}

}  // namespace

Status measure_again(const Dictionary& dictionary, const SparseCodes* codes, const Predicate& predicate,
                     const Execution& execution, PredicateValues& out) {
  const std::size_t features = dictionary.features(), dims = dictionary.dims();
  for (auto* vector : {&out.values, &out.lows, &out.errors})
    vector->assign(predicate.quantities.size() * features, 0);
  const Activity activity = codes ? Activity(*codes, features) : Activity();
  execution.set_total(predicate.quantities.size());
  for (std::size_t q = 0; q < predicate.quantities.size(); ++q) {
    const Quantity& quantity = predicate.quantities[q];
    std::unique_ptr<Subspace> subspace;
    if (quantity.kind == QuantityKind::energy)
      if (const Status status = Subspace::make(quantity.rows, subspace); !status.ok()) return status;
    std::vector<Mapped> set(quantity.to ? quantity.to->features() : 0);
    std::vector<double> norms(set.size());
    execution.for_each(set.size(), [&](std::size_t s) {
      set[s] = map(quantity.to->atom(s), quantity.to->dims(), quantity.weight);
      norms[s] = norm_of(set[s].row);
    });
    execution.for_each((features + kBlock - 1) / kBlock, [&](std::size_t block) {
      for (std::size_t f = block * kBlock;
           f < std::min(features, (block + 1) * kBlock) && !execution.cancelled(); ++f) {
        const float* e = dictionary.atom(f);
        Again again;
        switch (quantity.kind) {
          case QuantityKind::norm: again = norm_of(e, dims); break;
          case QuantityKind::alignment: again = alignment(e, quantity.rows.row(0), dims); break;
          case QuantityKind::energy: again = energy(e, *subspace); break;
          case QuantityKind::density: {
            // An exact quotient has no error; any other differs from every float64 by far more than this
            // bound.
            const double count = activity.counts[f], samples = static_cast<double>(activity.samples);
            again.value = DoubleDouble(count) / DoubleDouble(samples);
            const bool exact = again.value.low == 0 && std::fma(again.value.high, samples, -count) == 0;
            again.error = exact ? 0 : double_double_error(1) * again.value.high;
            break;
          }
          case QuantityKind::activation: again.value = DoubleDouble(activity.maxima[f]); break;
          case QuantityKind::connection: again = connection(e, dictionary.norm(f), dims, set, norms); break;
        }
        out.values[q * features + f] = again.value.high;
        out.lows[q * features + f] = again.value.low;
        out.errors[q * features + f] = again.error;
      }
    });
    if (execution.cancelled()) return Status::cancelled();
    execution.advance(1);
  }
  return {};
}

}  // namespace unsuperpose
