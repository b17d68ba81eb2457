#include "circuits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unsuperpose {

namespace {

/// For the rounding of a product of two bounds, or a quotient.
constexpr double kUp = 1 + 0x1.0p-50;

/// One number a feature, as `unit` times numbers of at most 1: products over many layers neither overflow nor vanish.
struct Scaled {
  double unit = 1;
  std::vector<double> upper;  // bounds from above
  bool faint = false;         // the unit is below float64: nothing is known from below

  /// Divides by the largest; answers false if all are zero.
  bool normalise() {
    const double most = *std::max_element(upper.begin(), upper.end());
    if (most == 0) return false;
    unit *= most * kUp;
    // Where float64 ends, an upper bound stays above zero.
    faint = faint || unit < std::numeric_limits<double>::min();
    unit = std::max(unit, std::numeric_limits<double>::min());
    for (double& value : upper) value = value / most * kUp;
    return true;
  }
};

Scaled indicator(std::size_t features, const std::vector<std::uint32_t>& chosen) {
  Scaled start{1, std::vector<double>(features, chosen.empty() ? 1 : 0)};
  for (const std::uint32_t j : chosen) start.upper[j] = 1;
  return start;
}

/// Leaves the chosen features.
void restrict_to(Scaled& numbers, const std::vector<std::uint32_t>& chosen) {
  if (chosen.empty()) return;
  Scaled kept = indicator(numbers.upper.size(), chosen);
  for (std::size_t j = 0; j < kept.upper.size(); ++j) numbers.upper[j] *= kept.upper[j];
}

std::size_t largest(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

Status find_path(const std::shared_ptr<const Dictionary>& from, const std::vector<CircuitStep>& steps,
                 const CircuitOptions& options, const Execution& execution, Circuit& out) {
  Scaled strength = indicator(from->features(), options.from);
  std::vector<double> lower = strength.upper;  // of the best path to each feature, in the same unit
  std::vector<std::vector<std::uint32_t>> partners;
  std::vector<std::vector<double>> signed_values;
  std::shared_ptr<const Dictionary> before = from;
  for (const CircuitStep& step : steps) {
    const std::vector<double> scale = strength.upper;
    std::unique_ptr<FeaturePairs> pairs;
    Status status = make_pairs(before, step.chain, step.to, scale.data(), nullptr, execution, pairs);
    std::vector<std::uint32_t> partner;
    std::vector<double> values;
    if (status.ok()) status = pairs->strongest_of_each(true, 1, execution, partner, values);
    if (!status.ok()) return status;
    const double error = pairs->error();
    std::vector<double> next(values.size());
    strength.upper.assign(values.size(), 0);
    for (std::size_t j = 0; j < values.size(); ++j) {
      const double size = std::fabs(values[j]);
      strength.upper[j] = size + error;
      if (partner[j] == kNone) continue;
      const std::uint32_t i = partner[j];
      next[j] = std::max(0.0, size - error) * (lower[i] / scale[i]) / kUp;
      values[j] /= scale[i];
    }
    if (&step == &steps.back()) restrict_to(strength, options.to);
    partners.push_back(std::move(partner));
    signed_values.push_back(std::move(values));
    lower = std::move(next);
    const double most = *std::max_element(strength.upper.begin(), strength.upper.end());
    if (!strength.normalise()) return {};                            // every path is zero
    for (double& value : lower) value = value / most / (kUp * kUp);  // of a unit that was rounded up
    before = step.to;
  }
  const std::size_t end = largest(strength.upper);
  out.bound = strength.upper[end] * strength.unit * kUp;
  std::uint32_t at = static_cast<std::uint32_t>(end);
  out.strength = strength.faint ? 0 : lower[at] * strength.unit / kUp;
  for (std::size_t l = steps.size(); l > 0; --l) {
    if (partners[l - 1][at] == kNone) {  // a bound that is rounding alone: there is no such path
      out.path.clear();
      out.values.clear();
      out.strength = 0;
      return {};
    }
    out.path.insert(out.path.begin(), at);
    out.values.insert(out.values.begin(), signed_values[l - 1][at]);
    at = partners[l - 1][at];
  }
  out.path.insert(out.path.begin(), at);
  return {};
}

Status sum_paths(const std::shared_ptr<const Dictionary>& from, const std::vector<CircuitStep>& steps,
                 const CircuitOptions& options, const Execution& execution, Circuit& out) {
  Scaled total = indicator(from->features(), options.from);
  std::shared_ptr<const Dictionary> before = from;
  out.sum_bound = 0;
  for (const CircuitStep& step : steps) {
    const std::vector<double> scale = total.upper;
    std::unique_ptr<FeaturePairs> pairs;
    Status status = make_pairs(before, step.chain, step.to, scale.data(), nullptr, execution, pairs);
    std::vector<double> sums;
    if (status.ok()) status = pairs->absolute_sums(execution, sums, total.upper);
    if (!status.ok()) return status;
    if (&step == &steps.back()) restrict_to(total, options.to);
    if (!total.normalise()) return {};
    before = step.to;
  }
  const std::size_t most = largest(total.upper);
  out.sum_feature = static_cast<std::uint32_t>(most);
  out.sum_bound = total.upper[most] * total.unit * kUp;
  return {};
}

}  // namespace

Status strongest_circuit(std::shared_ptr<const Dictionary> from, const std::vector<CircuitStep>& steps,
                         const CircuitOptions& options, const Execution& execution, Circuit& out) {
  out = {};
  out.sum_bound = std::numeric_limits<double>::quiet_NaN();
  // The passes count features of their own; progress is in passes.
  Execution pass = execution;
  pass.reports = false;
  execution.set_total(options.sums ? 2 : 1);
  Status status = find_path(from, steps, options, pass, out);
  execution.advance(1);
  if (status.ok() && options.sums) {
    status = sum_paths(from, steps, options, pass, out);
    execution.advance(1);
  }
  return status;
}

}  // namespace unsuperpose
