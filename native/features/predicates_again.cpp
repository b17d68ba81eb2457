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

DoubleDouble dot(const float* a, const float* b, std::size_t n) {
  DoubleDouble sum;
  for (std::size_t k = 0; k < n; ++k) sum = sum + DoubleDouble(static_cast<double>(a[k]) * static_cast<double>(b[k]));
  return sum;
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
  DoubleDouble outside;
  for (std::size_t k = 0; k < dims; ++k) {
    w[k] = DoubleDouble(e[k]);
    for (std::size_t i = 0; i < count; ++i) w[k] = w[k] - DoubleDouble::product(z[i], rows.atom(i)[k]);
    outside = outside + w[k] * w[k];
  }
  const double w_norm = std::sqrt(std::max(0.0, outside.high));
  const double w_error = double_double_error(count + 8) * size * kSlack + kTiny;
  double rest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    DoubleDouble r;
    for (std::size_t k = 0; k < dims; ++k) r = r + w[k] * DoubleDouble(rows.atom(i)[k]);
    const double most = std::fabs(r.value()) + rows.norm(i) * (w_error + double_double_error(dims + 8) * w_norm) * kSlack;
    rest += most * most;
  }
  const double error = 2 * w_norm * w_error + w_error * w_error + double_double_error(dims + 8) * outside.high +
                       rest * kSlack / subspace.smallest_eigenvalue();
  return {DoubleDouble(1) - outside / squared, (error / squared.high + double_double_error(2 * dims + 32)) * kSlack};
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
    for (std::size_t c = 0; c < matrix.cols; ++c) {
      double size = 0;
      for (std::size_t k = 0; k < matrix.rows; ++k) {
        const double m = matrix.row(k)[c];
        next.row[c] = next.row[c] + mapped.row[k] * DoubleDouble(m);
        size += std::fabs(mapped.row[k].high * m);
        frobenius += m * m;
      }
      squared_size += size * size;
    }
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

/// The largest in absolute value; with every one within the largest error, so is the maximum.
Again connection(const float* e, double e_norm, std::size_t dims, const std::vector<Mapped>& set,
                 const std::vector<double>& norms) {
  Again most;
  for (std::size_t s = 0; s < set.size(); ++s) {
    DoubleDouble sum;
    for (std::size_t k = 0; k < dims; ++k) sum = sum + set[s].row[k] * DoubleDouble(e[k]);
    sum = absolute(sum);
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
  for (auto* vector : {&out.values, &out.lows, &out.errors}) vector->assign(predicate.quantities.size() * features, 0);
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
      for (std::size_t f = block * kBlock; f < std::min(features, (block + 1) * kBlock) && !execution.cancelled(); ++f) {
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
