#include "pairs_again.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {

/// `from` features whose images are held together, and `to` features of one unit of work.
constexpr std::size_t kTogether = 128, kColumns = 256;

/// W e_i by plain sums, last matrix first.
std::vector<double> image(const float* e, const MatrixChain& chain, std::size_t dims) {
  std::vector<double> v(e, e + dims), next;
  for (std::size_t m = chain.size(); m-- > 0;) {
    next.assign(chain[m].rows, 0);
    for (std::size_t r = 0; r < chain[m].rows; ++r) {
      const float* row = chain[m].row(r);
      double sum = 0;
      for (std::size_t k = 0; k < chain[m].cols; ++k) sum += static_cast<double>(row[k]) * v[k];
      next[r] = sum;
    }
    v.swap(next);
  }
  return v;
}

/// Of every value: each sum of n products costs n·2⁻⁵³ of the norms (Higham, ch. 3), halving images into two float32 2⁻⁴⁸.
double error_bound(const Dictionary& from, const MatrixChain& chain, const Dictionary& to) {
  double size = from.max_norm() * to.max_norm(), terms = static_cast<double>(to.dims()) + 4;
  for (const ConstMatrix32& m : chain) {
    double square = 0;
    for (std::size_t r = 0; r < m.rows; ++r) square += reduce::table().squared_norm(m.row(r), m.cols);
    size *= std::sqrt(square);
    terms += static_cast<double>(m.cols) + 2;
  }
  constexpr double kUp = 1 + 0x1.0p-20;
  return kUp * size * (terms * 0x1.0p-53 + 0x1.0p-47) +
         static_cast<double>(to.dims()) * to.max_norm() * 0x1.0p-148;
}

/// Calls each(to feature j, from feature i, value) for all pairs, the `to` features by blocks in parallel, i ascending.
template <class Each>
Status for_all_pairs(const Dictionary& from, const MatrixChain& chain, const Dictionary& to,
                     const Execution& execution, const Each& each) {
  const std::size_t dims = to.dims();
  const auto& dots = dots::table();
  execution.set_total(from.features());
  AlignedBuffer<float> high(kTogether * dims), low(kTogether * dims);
  for (std::size_t first = 0; first < from.features(); first += kTogether) {
    const std::size_t count = std::min(kTogether, from.features() - first);
    execution.for_each(count, [&](std::size_t i) {
      const std::vector<double> v = image(from.atom(first + i), chain, from.dims());
      for (std::size_t d = 0; d < dims; ++d) {
        high[i * dims + d] = static_cast<float>(v[d]);
        low[i * dims + d] = static_cast<float>(v[d] - static_cast<double>(high[i * dims + d]));
      }
    });
    if (execution.cancelled()) return Status::cancelled();
    execution.for_each((to.features() + kColumns - 1) / kColumns, [&](std::size_t block) {
      const std::size_t begin = block * kColumns, end = std::min(to.features(), begin + kColumns);
      const float* rows[kColumns];
      double values[kColumns], rest[kColumns];
      for (std::size_t j = begin; j < end; ++j) rows[j - begin] = to.atom(j);
      for (std::size_t i = 0; i < count; ++i) {
        dots.correlate(rows, end - begin, high.data() + i * dims, dims, values);
        dots.correlate(rows, end - begin, low.data() + i * dims, dims, rest);
        for (std::size_t j = begin; j < end; ++j) each(j, first + i, values[j - begin] + rest[j - begin]);
      }
    });
    if (execution.cancelled()) return Status::cancelled();
    execution.advance(count);
  }
  return {};
}

}  // namespace

Status strongest_again(const Dictionary& from, const MatrixChain& chain, const Dictionary& to,
                       std::uint32_t asked_from, std::uint32_t asked_to, const Execution& execution,
                       PairAgain& out) {
  std::vector<Pair> best(to.features(), {kNone, kNone, 0});
  double there = 0;
  const Status status =
      for_all_pairs(from, chain, to, execution, [&](std::size_t j, std::size_t i, double value) {
        if (i == asked_from && j == asked_to) there = value;
        if (std::fabs(value) > std::fabs(best[j].value))
          best[j] = {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j), value};
      });
  if (!status.ok()) return status;
  out = {};
  out.there = there;
  out.error = error_bound(from, chain, to);
  for (const Pair& pair : best) {
    const double size = std::fabs(pair.value), most = std::fabs(out.value);
    if (size > most || (size == most && size > 0 && pair.from < out.from)) {
      out.value = pair.value;
      out.from = pair.from;
      out.to = pair.to;
    }
  }
  return {};
}

Status circuit_again(const Dictionary& from, const std::vector<CircuitStep>& steps,
                     const CircuitOptions& options, const std::vector<std::uint32_t>& path,
                     const Execution& execution, CircuitAgain& out) {
  out = {};
  const Execution quiet{execution.threads, execution.monitor, false};
  execution.set_total(steps.size());
  const auto indicator = [](std::size_t features, const std::vector<std::uint32_t>& chosen) {
    std::vector<double> flags(features, chosen.empty() ? 1 : 0);
    for (const std::uint32_t j : chosen) flags[j] = 1;
    return flags;
  };
  std::vector<double> strength = indicator(from.features(), options.from), total = strength;
  // What a strength, and a sum, may be off by: the recursion's own, with the error of each value on top.
  double strength_error = 0, total_error = 0;
  const Dictionary* before = &from;
  out.values.assign(path.empty() ? 0 : steps.size(), 0);
  for (std::size_t l = 0; l < steps.size(); ++l) {
    const Dictionary& to = *steps[l].to;
    std::vector<double> next(to.features(), 0), next_total(to.features(), 0), sizes(to.features(), 0),
        largest(to.features(), 0);
    double step = 0, most_size = 0;
    const Status status =
        for_all_pairs(*before, steps[l].chain, to, quiet, [&](std::size_t j, std::size_t i, double value) {
          const double size = std::fabs(value);
          next[j] = std::max(next[j], size * strength[i]);
          next_total[j] += size * total[i];
          sizes[j] += size;
          largest[j] = std::max(largest[j], size);
          if (!path.empty() && path[l] == i && path[l + 1] == j) out.values[l] = value;
        });
    if (!status.ok()) return status;
    execution.advance(1);
    const double error = error_bound(*before, steps[l].chain, to);
    double all = 0, most = 0;
    for (const double value : total) all += value;
    for (const double value : strength) most = std::max(most, value);
    for (const double value : sizes) step = std::max(step, value);
    for (const double value : largest) most_size = std::max(most_size, value);
    const double rounding = static_cast<double>(before->features() + 2) * 0x1.0p-53;
    strength_error = strength_error * (most_size + error) + error * most + 0x1.0p-52 * most_size * most;
    total_error = total_error * (step + error * static_cast<double>(before->features())) + error * all +
                  rounding * step * all;
    strength.swap(next);
    total.swap(next_total);
    before = &to;
  }
  const std::vector<double> chosen = indicator(before->features(), options.to);
  for (std::size_t j = 0; j < chosen.size(); ++j) {
    out.strength = std::max(out.strength, chosen[j] * strength[j]);
    out.sum = std::max(out.sum, chosen[j] * total[j]);
  }
  // Products of many small values underflow.
  out.error = std::max(strength_error, total_error) + 4 * std::numeric_limits<double>::min();
  return {};
}

}  // namespace unsuperpose
