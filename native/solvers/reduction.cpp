#include "reduction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "../core/index.hpp"
#include "../core/sums.hpp"
#include "batch.hpp"

namespace unsuperpose {

namespace {

/// What is left of an atom below this share of it is rounding: the unpenalised ones span it.
constexpr double kSpanned = 1e-12;
/// Samples and atoms a block of the parallel loops.
constexpr std::size_t kBlock = 16;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

bool Reduction::needed(const std::vector<float>* weights) {
  return weights &&
         std::any_of(weights->begin(), weights->end(), [](float w) { return w == 0 || std::isinf(w); });
}

Status Reduction::make(std::shared_ptr<const Dictionary> whole, const std::vector<float>& weights,
                       double ridge, bool nonnegative, bool wide, const Execution& execution,
                       std::shared_ptr<const Reduction>& out) {
  const std::size_t features = whole->features(), dims = whole->dims();
  if (weights.size() != features)
    return Status::fail(Code::shape, "weights must be one a feature (" + std::to_string(features) +
                                         "), got " + std::to_string(weights.size()));
  std::vector<std::uint32_t> free;
  for (std::uint32_t j = 0; j < features; ++j) {
    if (!(weights[j] >= 0)) return Status::fail(Code::option, "weights must be ≥ 0");
    if (weights[j] == 0) free.push_back(j);
  }
  if (nonnegative && !free.empty())
    return Status::fail(Code::option,
                        "weights must be > 0 with nonnegative: codes without a penalty that may not be "
                        "negative are no least squares");
  const std::size_t extra = ridge > 0 ? free.size() : 0;
  auto made = std::shared_ptr<Reduction>(new Reduction(dims + extra));
  made->ridge_ = ridge;
  made->wide_ = wide;
  const auto read = [&](std::uint32_t j, double* to) {
    if (wide)
      whole->read(j, to);
    else
      std::copy_n(whole->atom(j), dims, to);
  };
  for (std::size_t k = 0; k < free.size(); ++k) {
    if (execution.cancelled()) return Status::cancelled();
    std::vector<double> row(dims + extra, 0);
    read(free[k], row.data());
    made->free_atoms_.emplace_back(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(dims));
    if (extra > 0) row[dims + k] = std::sqrt(ridge);
    made->basis_.add(static_cast<std::uint32_t>(k), std::move(row));
  }
  made->places_.assign(features, kNone);
  for (std::uint32_t j = 0; j < features; ++j) {
    if (weights[j] == 0 || std::isinf(weights[j])) continue;
    made->places_[j] = static_cast<std::uint32_t>(made->origins_.size());
    made->origins_.push_back(j);
    made->weights_.push_back(weights[j]);
  }
  const bool none = made->origins_.empty();  // one atom that is zero then, and so never active
  if (none) {
    made->origins_.push_back(kNone);
    made->weights_.push_back(1);
  }
  const auto reduced_atom = [&](std::size_t place, double* to) {
    std::fill_n(to, dims + extra, 0.0);
    if (none) return;
    read(made->origins_[place], to);
    if (free.empty()) return;
    const double before = sums::norm(to, dims);
    made->basis_.project(to);
    if (!(sums::norm(to, dims + extra) > kSpanned * before)) std::fill_n(to, dims + extra, 0.0);
  };
  const Status status =
      Dictionary::make(made->origins_.size(), dims + extra, reduced_atom, false, execution, made->reduced_);
  made->whole_ = std::move(whole);
  made->free_ = std::move(free);
  if (status.ok()) out = std::move(made);
  return status;
}

std::vector<double> Reduction::read(const Samples& samples, std::size_t i, bool wide, int unit) const {
  std::vector<double> x(basis_.dims(), 0);
  if (wide)
    samples.read(i, x.data(), samples.exponent(i) - unit);
  else
    std::copy_n(samples.high.row(i), samples.cols(), x.data());
  return x;
}

double Reduction::squared_norm(const Samples& samples, std::size_t i, bool wide, int unit) const {
  return sums::squared_norm(read(samples, i, wide, unit).data(), samples.cols());
}

Samples Reduction::reduce(const Samples& samples, bool wide, const Execution& execution,
                          std::unique_ptr<SplitSamples>& kept) const {
  if (!eliminates()) return samples;
  kept = std::make_unique<SplitSamples>(samples.rows(), basis_.dims());
  execution.for_items(samples.rows(), kBlock, [&](std::size_t i) {
    const int unit = Reduction::unit(samples, i, wide);
    std::vector<double> x = read(samples, i, wide, unit);
    const double before = sums::norm(x.data(), x.size());
    basis_.project(x.data());
    if (!(sums::norm(x.data(), x.size()) > kSpanned * before)) std::fill(x.begin(), x.end(), 0.0);
    kept->set(i, x.data(), unit);
  });
  return kept->view();
}

/// Of y = x − aD with unpenalised codes b: ½‖y − bU‖² + (β/2)‖b‖² less the least over b.
double Reduction::excess(std::vector<double> y, const std::vector<double>& free_code,
                         double& squared_residual) const {
  std::vector<double> rest(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(whole_->dims()));
  double squared_code = 0;
  for (std::size_t k = 0; k < free_code.size(); ++k) {
    for (std::size_t d = 0; d < rest.size(); ++d) rest[d] -= free_code[k] * free_atoms_[k][d];
    squared_code += free_code[k] * free_code[k];
  }
  basis_.project(y.data());
  squared_residual = sums::squared_norm(rest.data(), rest.size());
  const double least = sums::squared_norm(y.data(), y.size());
  const double more = 0.5 * (squared_residual + ridge_ * squared_code - least);
  return std::isnan(more) ? kInfinity : std::max(0.0, more);
}

void Reduction::extend(const Samples& samples, bool wide, const Problem& problem, const Execution& execution,
                       Unfolding& out) const {
  const std::size_t n = samples.rows();
  struct Answer {
    std::vector<std::pair<std::uint32_t, double>> codes;
  };
  std::vector<Answer> answers(n);
  execution.for_items(n, kBlock, [&](std::size_t i) {
    Answer& answer = answers[i];
    const int unit = Reduction::unit(samples, i, wide);
    std::vector<double> y = read(samples, i, wide, unit), atom(whole_->dims());
    const double squared_input = sums::squared_norm(y.data(), y.size());
    out.norm[i] = std::ldexp(std::sqrt(squared_input), unit);
    for (std::size_t k = out.codes.indptr[i]; k < out.codes.indptr[i + 1]; ++k) {
      const std::uint32_t j = origins_[out.codes.indices[k]];
      const double value = out.float64 ? out.values64[k] : out.codes.values[k];
      answer.codes.emplace_back(j, value);
      if (!eliminates()) continue;
      if (wide_)
        whole_->read(j, atom.data());
      else
        std::copy_n(whole_->atom(j), atom.size(), atom.data());
      const double scaled = std::ldexp(value, -unit);
      for (std::size_t d = 0; d < atom.size(); ++d) y[d] -= scaled * atom[d];
    }
    if (!eliminates()) return;
    std::vector<double> free_code(free_.size(), 0);
    const std::vector<double> fitted = basis_.fit(y.data());
    for (std::size_t k = 0; k < fitted.size(); ++k) {
      const double fit = std::ldexp(fitted[k], unit);
      const double value = out.float64 ? fit : static_cast<double>(static_cast<float>(fit));
      free_code[basis_.kept()[k]] = std::ldexp(value, -unit);
      if (value != 0) answer.codes.emplace_back(free_[basis_.kept()[k]], value);
    }
    std::sort(answer.codes.begin(), answer.codes.end());
    std::vector<double> reduced = read(samples, i, wide, unit);
    basis_.project(reduced.data());
    const double share =
        squared_input > 0 ? sums::squared_norm(reduced.data(), reduced.size()) / squared_input : 0;
    double squared_residual = 0;
    const double more = excess(std::move(y), free_code, squared_residual);
    out.residual[i] = static_cast<float>(std::ldexp(std::sqrt(squared_residual), unit));
    if (problem.bounds_fit) return;
    out.objective[i] += std::ldexp(more, 2 * unit);
    out.gap[i] = squared_input > 0 ? out.gap[i] * share + more / (0.5 * squared_input) : 0;
    if (out.status[i] == static_cast<std::uint8_t>(Outcome::converged) && !(out.gap[i] <= problem.tolerance))
      out.status[i] = static_cast<std::uint8_t>(Outcome::stalled);
  });
  Variance variance;
  variance.add(wide ? samples : Samples(samples.high));
  out.variance = variance.value();
  out.codes.indptr.assign(1, 0);
  out.codes.indices.clear();
  out.codes.values.clear();
  out.values64.clear();
  for (const Answer& answer : answers) {
    for (const auto& [j, value] : answer.codes) {
      out.codes.indices.push_back(j);
      if (out.float64)
        out.values64.push_back(value);
      else
        out.codes.values.push_back(static_cast<float>(value));
    }
    out.codes.indptr.push_back(static_cast<std::uint32_t>(out.codes.indices.size()));
  }
}

std::vector<double> Reduction::reduce_codes(const Samples& samples, const SparseCodes& codes, bool wide,
                                            SparseCodes& out) const {
  const std::size_t n = samples.rows();
  std::vector<double> more(n, 0), atom(whole_->dims());
  out.indptr.assign(1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const int unit = Reduction::unit(samples, i, wide);
    std::vector<double> y = read(samples, i, wide, unit), free_code(free_.size(), 0);
    for (std::size_t k = codes.indptr[i]; k < codes.indptr[i + 1]; ++k) {
      const std::uint32_t j = codes.indices[k];
      const double value = codes.value(k);
      if (value == 0) continue;
      const auto free = std::lower_bound(free_.begin(), free_.end(), j);
      if (free != free_.end() && *free == j) {
        free_code[static_cast<std::size_t>(free - free_.begin())] = std::ldexp(value, -unit);
        continue;
      }
      if (places_[j] == kNone) {
        more[i] = kInfinity;
        continue;
      }
      out.indices.push_back(places_[j]);
      out.wide.push_back(value);
      if (!eliminates()) continue;
      if (wide_)
        whole_->read(j, atom.data());
      else
        std::copy_n(whole_->atom(j), atom.size(), atom.data());
      const double scaled = std::ldexp(value, -unit);
      for (std::size_t d = 0; d < atom.size(); ++d) y[d] -= scaled * atom[d];
    }
    out.indptr.push_back(static_cast<std::uint32_t>(out.indices.size()));
    double squared_residual = 0;
    if (eliminates()) more[i] += excess(std::move(y), free_code, squared_residual);
  }
  return more;
}

}  // namespace unsuperpose
