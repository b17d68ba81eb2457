#include "recoverability.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "../core/random.hpp"
#include "../core/sums.hpp"
#include "../scoring/scorer.hpp"
#include "basis_pursuit.hpp"

namespace unsuperpose {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
/// Rows of G⁻¹D_I that are multiplied with the dictionary together: a block of the product.
constexpr std::size_t kRows = 96;
/// Beyond this norm float32 scores might overflow; everything is then computed in float64.
constexpr double kMostNorm = 1e15;

using sums::dot;

/// One support on its way through a batch.
struct Case {
  std::size_t sample = 0, first = 0;  // its first row in the batch
  std::vector<std::uint32_t> support;
  std::vector<double> signs, sizes;  // of the code
  std::vector<double> rows;          // of G⁻¹D_I, |I| × dims
  double norms = 0;                  // Σ of the rows' norms
  bool independent = false, has_zero = false;
  DualPoint point;  // y = D_I⁺s
};

class Measure {
 public:
  Measure(const Dictionary& dictionary, bool nonnegative, std::size_t steps, const Execution& execution,
          Recoverability& out)
      : dictionary_(dictionary),
        nonnegative_(nonnegative),
        execution_(execution),
        out_(out),
        dims_(dictionary.dims()),
        scorer_(dictionary.rows(), no_weights_, false, scoring::Ladder::float32),
        pursuit_(dictionary, nonnegative, steps, execution) {}

  void batch(std::vector<Case>& cases);

 private:
  void prepare(Case& c);
  void finish(const Case& c, const float* scores);
  Proof lasso(const Case& c, const float* score) const;
  void pursue(const std::vector<Case>& cases);

  const Dictionary& dictionary_;
  const bool nonnegative_;
  const Execution& execution_;
  Recoverability& out_;
  const std::size_t dims_;
  const std::vector<float> no_weights_;
  scoring::Scorer scorer_;
  BasisPursuit pursuit_;
  std::vector<scoring::Request> requests_;
  AlignedBuffer<float> rows_, scores_;
};

void Measure::prepare(Case& c) {
  const std::size_t size = c.support.size();
  if (size == 0 || size > SignedAtoms::kMost) return;
  for (const std::uint32_t j : c.support) c.has_zero = c.has_zero || dictionary_.norm(j) == 0;
  if (c.has_zero) return;
  // With N the diagonal of the norms, G = N Ĝ N and Ĝ of unit atoms: λ_min(G) ≥ λ_min(Ĝ) min‖d_i‖².
  const SignedAtoms atoms(dictionary_, c.support);
  c.independent = atoms.independent();
  if (!c.independent) return;
  out_.eigenvalue[c.sample] = atoms.eigenvalue() * atoms.least_norm() * atoms.least_norm();
  c.point = atoms.dual_point(c.signs);
  std::vector<double> b = c.signs;
  atoms.solve(b);
  double bias = 0, limit = kInfinity;
  for (std::size_t i = 0; i < size; ++i) {
    bias = std::max(bias, std::fabs(b[i]));
    if (b[i] * c.signs[i] > 0) limit = std::min(limit, c.sizes[i] / std::fabs(b[i]));
  }
  out_.bias[c.sample] = bias;
  out_.limit[c.sample] = limit;
  c.rows.assign(size * dims_, 0);
  std::vector<double> column(size);
  for (std::size_t i = 0; i < size; ++i) {
    std::fill(column.begin(), column.end(), 0.0);
    column[i] = 1;
    atoms.solve(column);
    double* row = c.rows.data() + i * dims_;
    for (std::size_t l = 0; l < size; ++l) {
      const float* atom = dictionary_.atom(c.support[l]);
      for (std::size_t d = 0; d < dims_; ++d) row[d] += column[l] * static_cast<double>(atom[d]);
    }
    c.norms += sums::norm(row, dims_);
  }
}

/// The maxima off the support, of those features that float32's scores leave in question, in float64.
void Measure::finish(const Case& c, const float* scores) {
  const std::size_t features = dictionary_.features(), size = c.support.size();
  if (!c.independent) {
    out_.fuchs[c.sample] = out_.erc[c.sample] = size == 0 ? 0 : kNaN;
    return;
  }
  std::vector<std::uint8_t> inside(features, 0);
  for (const std::uint32_t j : c.support) inside[j] = 1;
  std::vector<double> fuchs(features, 0), erc(features, 0);
  for (std::size_t i = 0; i < size && scores; ++i) {
    const float* score = scores + i * features;
    const double sign = c.signs[i];
    for (std::size_t j = 0; j < features; ++j) {
      fuchs[j] += sign * static_cast<double>(score[j]);
      erc[j] += std::fabs(static_cast<double>(score[j]));
    }
  }
  const double share = scores ? c.norms * scoring::float32_share(dims_) : kInfinity;
  // What underflow hides of a product counts as open.
  const double hidden = static_cast<double>(size) * scoring::underflow(product::Precision::float32, dims_, 1);
  const auto strength = [&](const std::vector<double>& sums, std::size_t j) {
    return &sums == &fuchs && !nonnegative_ ? std::fabs(sums[j]) : sums[j];
  };
  const auto largest = [&](const std::vector<double>& sums, double& value, std::uint32_t& feature) {
    double least = -kInfinity;  // that the maximum has
    for (std::size_t j = 0; j < features; ++j)
      if (!inside[j]) least = std::max(least, strength(sums, j) - share * dictionary_.norm(j) - hidden);
    for (std::size_t j = 0; j < features; ++j) {
      if (inside[j] || dictionary_.norm(j) == 0) continue;
      if (strength(sums, j) + share * dictionary_.norm(j) + hidden < least) continue;
      double exact = 0;
      for (std::size_t i = 0; i < size; ++i) {
        const double product = dot(c.rows.data() + i * dims_, dictionary_.atom(j), dims_);
        exact += &sums == &erc ? std::fabs(product) : c.signs[i] * product;
      }
      if (&sums == &fuchs && !nonnegative_) exact = std::fabs(exact);
      if (exact > value) {
        value = exact;
        feature = static_cast<std::uint32_t>(j);
      }
    }
  };
  largest(fuchs, out_.fuchs[c.sample], out_.fuchs_feature[c.sample]);
  largest(erc, out_.erc[c.sample], out_.erc_feature[c.sample]);
  out_.lasso[c.sample] = static_cast<std::uint8_t>(lasso(c, scores ? scores + size * features : nullptr));
}

/// Fuchs's criterion, by bounds. `score`: the float32 products with the point's high part, if there are any.
Proof Measure::lasso(const Case& c, const float* score) const {
  Proof found = Proof::yes;
  std::size_t next = 0;
  for (std::uint32_t j = 0; j < dictionary_.features() && found != Proof::no; ++j) {
    if (next < c.support.size() && c.support[next] == j) {
      ++next;
      continue;
    }
    const float product = score ? score[j] : std::numeric_limits<float>::quiet_NaN();
    const Proof below = c.point.below_one(dictionary_, j, product, nonnegative_);
    if (below != Proof::yes) found = below;
  }
  return found;
}

/// What Fuchs's number leaves open of basis pursuit.
void Measure::pursue(const std::vector<Case>& cases) {
  std::vector<SupportQuestion> questions;
  std::vector<std::size_t> samples;
  for (const Case& c : cases) {
    if (c.support.empty() || out_.lasso[c.sample] == static_cast<std::uint8_t>(Proof::yes)) {
      out_.lasso[c.sample] = out_.basis_pursuit[c.sample] = static_cast<std::uint8_t>(Proof::yes);
    } else if (c.has_zero) {
      // Its entry can be anything at no change of the activation.
      out_.lasso[c.sample] = out_.basis_pursuit[c.sample] = static_cast<std::uint8_t>(Proof::no);
    } else {
      samples.push_back(c.sample);
      questions.push_back({c.support, c.signs});
    }
  }
  pursuit_.decide(questions);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    out_.basis_pursuit[samples[i]] = static_cast<std::uint8_t>(questions[i].found);
    if (questions[i].dependent) out_.lasso[samples[i]] = static_cast<std::uint8_t>(Proof::no);
  }
}

void Measure::batch(std::vector<Case>& cases) {
  execution_.for_each(cases.size(), [&](std::size_t i) { prepare(cases[i]); });
  if (execution_.cancelled()) return;
  std::size_t rows = 0;
  for (Case& c : cases) {
    c.first = rows;
    if (c.independent && c.norms < kMostNorm) rows += c.support.size() + 1;
  }
  rows_.reserve(rows * dims_);
  for (const Case& c : cases) {
    if (!c.independent || !(c.norms < kMostNorm)) continue;
    float* to = rows_.data() + c.first * dims_;
    for (std::size_t k = 0; k < c.rows.size(); ++k) to[k] = static_cast<float>(c.rows[k]);
    std::copy(c.point.high.begin(), c.point.high.end(), to + c.rows.size());
  }
  const std::size_t features = dictionary_.features();
  scores_.reserve(rows * features);
  requests_.assign(rows, {});
  for (std::size_t r = 0; r < rows; ++r) requests_[r].row = static_cast<std::uint32_t>(r);
  if (rows > 0)
    scorer_.every(0, {rows_.data(), rows, dims_}, requests_, {scores_.data(), rows, features}, execution_);
  if (execution_.cancelled()) return;
  execution_.for_each(cases.size(), [&](std::size_t i) {
    const Case& c = cases[i];
    finish(c, c.norms < kMostNorm ? scores_.data() + c.first * features : nullptr);
  });
  if (execution_.cancelled()) return;
  pursue(cases);
  execution_.advance(cases.size());
}

}  // namespace

Status recoverability(const SparseCodes& codes, const Dictionary& dictionary, bool nonnegative,
                      std::size_t steps, const Execution& execution, Recoverability& out) {
  const std::size_t samples = codes.indptr.size() - 1;
  for (auto* numbers : {&out.fuchs, &out.erc, &out.eigenvalue, &out.bias}) numbers->assign(samples, 0);
  for (auto* numbers : {&out.smallest, &out.limit}) numbers->assign(samples, kInfinity);
  for (auto* features : {&out.fuchs_feature, &out.erc_feature}) features->assign(samples, kNone);
  out.active.assign(samples, 0);
  for (auto* proofs : {&out.lasso, &out.basis_pursuit})
    proofs->assign(samples, static_cast<std::uint8_t>(Proof::undecided));
  execution.set_total(samples);
  Measure measure(dictionary, nonnegative, steps, execution, out);
  std::vector<Case> cases;
  std::size_t rows = 0;
  for (std::size_t s = 0; s < samples && !execution.cancelled(); ++s) {
    Case c;
    c.sample = s;
    for (std::size_t k = codes.indptr[s]; k < codes.indptr[s + 1]; ++k) {
      const double value = codes.values[k];
      if (nonnegative && value < 0)
        return Status::fail(Code::option, "codes of sample " + std::to_string(s) + " hold " +
                                              std::to_string(value) +
                                              ", expected values > 0 with nonnegative");
      if (value == 0) continue;
      c.support.push_back(codes.indices[k]);
      c.signs.push_back(value < 0 ? -1 : 1);
      c.sizes.push_back(std::fabs(value));
      out.smallest[s] = std::min(out.smallest[s], c.sizes.back());
    }
    rows += c.support.size();
    out.active[s] = static_cast<std::uint32_t>(c.support.size());
    cases.push_back(std::move(c));
    if (rows < kRows && s + 1 < samples) continue;
    measure.batch(cases);
    cases.clear();
    rows = 0;
  }
  return execution.cancelled() ? Status::cancelled() : Status{};
}

SparseCodes planted_codes(std::size_t samples, std::size_t features, std::size_t active, bool nonnegative,
                          std::uint64_t seed) {
  Random random(seed);
  SparseCodes codes;
  codes.indptr.push_back(0);
  std::vector<std::uint32_t> all(features);
  for (std::size_t j = 0; j < features; ++j) all[j] = static_cast<std::uint32_t>(j);
  for (std::size_t s = 0; s < samples; ++s) {
    for (std::size_t k = 0; k < active; ++k) std::swap(all[k], all[k + random.below(features - k)]);
    std::vector<std::uint32_t> chosen(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(active));
    std::sort(chosen.begin(), chosen.end());
    for (const std::uint32_t j : chosen) {
      const double size = 0.5 + random.uniform();
      codes.indices.push_back(j);
      codes.values.push_back(static_cast<float>(!nonnegative && random.next() >> 63 ? -size : size));
    }
    codes.indptr.push_back(static_cast<std::uint32_t>(codes.indices.size()));
  }
  return codes;
}

std::vector<double> relative_distances(const SparseCodes& codes, const SparseCodes& truth) {
  std::vector<double> out(truth.indptr.size() - 1);
  for (std::size_t s = 0; s < out.size(); ++s) {
    std::size_t a = codes.indptr[s], b = truth.indptr[s];
    const std::size_t a_end = codes.indptr[s + 1], b_end = truth.indptr[s + 1];
    double apart = 0, size = 0;
    while (a < a_end || b < b_end) {
      const std::uint32_t i = a < a_end ? codes.indices[a] : kNone;
      const std::uint32_t j = b < b_end ? truth.indices[b] : kNone;
      const double x = i <= j ? codes.values[a++] : 0, y = j <= i ? truth.values[b++] : 0;
      apart += (x - y) * (x - y);
      size += y * y;
    }
    out[s] = size > 0 ? std::sqrt(apart / size) : apart > 0 ? kInfinity : 0;
  }
  return out;
}

}  // namespace unsuperpose
