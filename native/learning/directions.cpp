#include "directions.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../core/sums.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../solvers/lasso.hpp"
#include "../solvers/unfolding.hpp"

namespace unsuperpose {

namespace {

/// Samples unfolded together: bounds the memory of their codes.
constexpr std::size_t kBatch = 4096;
/// Samples of one unit of work.
constexpr std::size_t kBlock = 16;
/// Samples that are tried as the beginning of a direction: the strongest.
constexpr std::size_t kMostSeeds = 256;
constexpr int kFixedPointSteps = 30;
constexpr int kRefinements = 10;
/// Directions with a larger cosine are one and the same.
constexpr double kSame = 0.9;
/// A mixture has at least this much of a known direction, and so many features beside it.
constexpr double kPart = 0.3;
constexpr int kMixed = 2;
/// What a direction on trial costs, relative to features and directions that are known. An atom in place of
/// two orthogonal ones that are active together would save up to √2 of the penalty: mixtures of known
/// features must not pass for new ones.
constexpr double kTrialPenalty = 1.5;
/// A direction that moved less, squared, has come to rest.
constexpr double kRest = 1e-8;

using sums::norm;

/// v ← v − (q·v)q for a unit vector q
void subtract_projection(const std::vector<double>& q, std::vector<double>& v) {
  double along = 0;
  for (std::size_t k = 0; k < v.size(); ++k) along += q[k] * v[k];
  for (std::size_t k = 0; k < v.size(); ++k) v[k] -= along * q[k];
}

/// v ← sum/‖sum‖; answers ‖change‖², 0 if the sum is zero and v stays.
double redirect(const std::vector<double>& sum, std::vector<float>& v) {
  const double size = norm(sum.data(), sum.size());
  if (size == 0) return 0;
  double moved = 0;
  for (std::size_t k = 0; k < v.size(); ++k) {
    const float next = static_cast<float>(sum[k] / size);
    const double change = static_cast<double>(next) - v[k];
    moved += change * change;
    v[k] = next;
  }
  return moved;
}

}  // namespace

Group group(ConstMatrix32 samples, const AlignedBuffer<float>& residuals,
            const std::vector<std::uint32_t>& chosen) {
  const std::size_t dims = samples.cols;
  const std::size_t size = chosen.size() * dims;
  Group made{AlignedBuffer<float>(size), AlignedBuffer<float>(size), chosen.size(), dims};
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    std::memcpy(made.samples.data() + i * dims, samples.row(chosen[i]), dims * sizeof(float));
    std::memcpy(made.residuals.data() + i * dims, residuals.data() + chosen[i] * dims, dims * sizeof(float));
  }
  return made;
}

Status lasso_codes(ConstMatrix32 samples, const Dictionary& dictionary, const DirectionOptions& options,
                   const Execution& execution, SparseCodes& codes) {
  Lasso lasso;
  lasso.lambda = {options.lambda};
  lasso.ridge = options.ridge;
  lasso.nonnegative = options.nonnegative;
  lasso.tolerance = options.tolerance;
  Unfolding unfolding;
  const Execution quiet{execution.threads, execution.monitor, false};
  const Status status = unfold(samples, dictionary, lasso, quiet, unfolding);
  codes = std::move(unfolding.codes);
  return status;
}

/// New atoms are as long as the dictionary's typically are: the penalty then treats them alike.
double DirectionLearner::atom_norm() const {
  double squared = 0;
  std::size_t count = 0;
  for (std::size_t j = 0; j < dictionary_.features(); ++j) {
    squared += dictionary_.norm(j) * dictionary_.norm(j);
    count += dictionary_.norm(j) > 0;
  }
  return count > 0 ? std::sqrt(squared / static_cast<double>(count)) : 1;
}

Status DirectionLearner::unfold_with(ConstMatrix32 samples, const Directions& directions, std::size_t known,
                                     std::vector<std::vector<double>>& codes, std::vector<double>& left) {
  const std::size_t features = dictionary_.features(), dims = dictionary_.dims();
  if (!both_) both_ = std::make_unique<MutableDictionary>(dictionary_);
  both_->resize(features + directions.size());
  std::vector<double> scale(directions.size(), atom_norm());
  for (std::size_t t = 0; t < directions.size(); ++t) {
    if (t >= known) scale[t] /= kTrialPenalty;
    float* atom = both_->edit(features + t);
    for (std::size_t k = 0; k < dims; ++k) atom[k] = static_cast<float>(scale[t] * directions[t][k]);
  }
  const Dictionary* extended = nullptr;
  if (Status status = both_->current(execution_, extended); !status.ok()) return status;
  codes.assign(directions.size(), std::vector<double>(samples.rows));
  left.resize(samples.rows * dims);
  for (std::size_t first = 0; first < samples.rows; first += kBatch) {
    const std::size_t count = std::min(kBatch, samples.rows - first);
    SparseCodes made;
    if (Status status = lasso_codes(samples.slice(first, count), *extended, options_, execution_, made);
        !status.ok())
      return status;
    execution_.for_each((count + kBlock - 1) / kBlock, [&](std::size_t block) {
      for (std::size_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i) {
        double* r = left.data() + (first + i) * dims;
        const float* x = samples.row(first + i);
        std::copy(x, x + dims, r);
        for (std::size_t p = made.indptr[i]; p < made.indptr[i + 1]; ++p) {
          const double value = made.values[p];
          const std::uint32_t j = made.indices[p];
          for (std::size_t k = 0; k < dims; ++k) r[k] -= value * extended->atom(j)[k];
          if (j >= features) codes[j - features][first + i] = value * scale[j - features];
        }
      }
    });
  }
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

/// The direction that most residuals r_j lie along: a maximum of Σ_j ‖r_j‖² cos⁴(v, r_j), the fourth power
/// because it tells directions apart where the second has its maximum between them. From the residual that
/// the others agree with best, by fixed-point steps.
std::vector<float> DirectionLearner::recurring(ConstMatrix32 left) const {
  const std::size_t dims = left.cols;
  std::vector<std::vector<float>> units;
  std::vector<double> weights;
  for (std::size_t i = 0; i < left.rows; ++i) {
    const double size = std::sqrt(reduce::table().squared_norm(left.row(i), dims));
    if (size == 0) continue;
    weights.push_back(size * size);
    std::vector<float> unit(dims);
    for (std::size_t k = 0; k < dims; ++k) unit[k] = static_cast<float>(left.row(i)[k] / size);
    units.push_back(std::move(unit));
  }
  const auto cosine = [&](const std::vector<float>& a, const std::vector<float>& b) {
    const double c = dots::table().dot(a.data(), b.data(), dims);
    return options_.nonnegative ? std::max(c, 0.0) : c;
  };
  std::vector<double> agreement(std::min(units.size(), kMostSeeds));
  execution_.for_each(agreement.size(), [&](std::size_t i) {
    for (std::size_t j = 0; j < units.size(); ++j) {
      const double c = i == j ? 0 : cosine(units[i], units[j]);
      agreement[i] += weights[j] * c * c * c * c;
    }
  });
  const auto best = std::max_element(agreement.begin(), agreement.end());
  if (best == agreement.end() || !(*best > 0)) return {};
  std::vector<float> v = units[static_cast<std::size_t>(best - agreement.begin())];
  for (int step = 0; step < kFixedPointSteps && !execution_.cancelled(); ++step) {
    std::vector<double> sum(dims);
    for (std::size_t j = 0; j < units.size(); ++j) {
      const double c = cosine(v, units[j]), factor = weights[j] * c * c * c;
      for (std::size_t k = 0; k < dims; ++k) sum[k] += factor * units[j][k];
    }
    if (redirect(sum, v) < kRest) break;
  }
  return v;
}

/// Whether v is, nearly, a mixture of a known direction and at most kMixed features or other directions
/// (chosen by orthogonal matching pursuit): what is often active together seems to be one.
bool DirectionLearner::is_mixture(const std::vector<float>& v, const Directions& known) const {
  const std::size_t dims = dictionary_.dims(), features = dictionary_.features();
  for (const auto& u : known) {
    if (std::fabs(dots::table().dot(v.data(), u.data(), dims)) < kPart) continue;
    std::vector<std::vector<double>> basis;
    std::vector<double> rest(v.begin(), v.end());
    const float* next = u.data();
    for (int picked = 0; next && picked <= kMixed; ++picked) {
      std::vector<double> q(next, next + dims);
      for (const auto& b : basis) subtract_projection(b, q);
      const double size = norm(q.data(), dims);
      if (size == 0) break;
      for (double& entry : q) entry /= size;
      subtract_projection(q, rest);
      basis.push_back(std::move(q));
      const std::vector<float> rounded(rest.begin(), rest.end());
      double most = 0;
      for (std::size_t j = 0; j < features + known.size(); ++j) {
        const float* d = j < features ? dictionary_.atom(j) : known[j - features].data();
        const double length = j < features ? dictionary_.norm(j) : 1;
        const double size_of =
            length > 0 ? std::fabs(dots::table().dot(d, rounded.data(), dims)) / length : 0;
        if (size_of <= most) continue;
        most = size_of;
        next = d;
      }
      if (most == 0) next = nullptr;
    }
    const double outside = norm(rest.data(), dims);
    if (outside * outside < 1 - kSame * kSame) return true;
  }
  return false;
}

Status DirectionLearner::extend(const Group& found, Directions& directions) {
  const std::size_t dims = found.dims;
  AlignedBuffer<float> left(found.rows * dims);
  if (found.rows > 0) std::memcpy(left.data(), found.residuals.data(), found.rows * dims * sizeof(float));
  if (!directions.empty() && options_.lambda > 0) {
    std::vector<std::vector<double>> codes;
    std::vector<double> rest;
    Status status = unfold_with(found.view(), directions, directions.size(), codes, rest);
    if (!status.ok()) return status;
    for (std::size_t k = 0; k < rest.size(); ++k) left[k] = static_cast<float>(rest[k]);
  }
  // What is left along known directions is shrinkage, no news.
  for (std::size_t i = 0; i < found.rows; ++i) {
    float* r = left.data() + i * dims;
    for (const auto& v : directions) {
      const float c = static_cast<float>(dots::table().dot(r, v.data(), dims));
      for (std::size_t k = 0; k < dims; ++k) r[k] -= c * v[k];
    }
  }
  std::vector<float> next = recurring({left.data(), found.rows, dims});
  if (next.empty()) return execution_.cancelled() ? Status::cancelled() : Status{};
  Directions extended = directions;
  extended.push_back(std::move(next));
  if (Status status = refine(found, directions.size(), extended); !status.ok()) return status;
  if (is_mixture(extended.back(), directions)) return {};
  directions = std::move(extended);
  return {};
}

Status DirectionLearner::refine(const Group& found, std::size_t known, Directions& directions) {
  const std::size_t dims = found.dims;
  std::vector<std::vector<double>> codes;
  std::vector<double> left;
  for (int round = 0; round < kRefinements; ++round) {
    double moved = 0;
    if (options_.lambda > 0) {
      if (Status status = unfold_with(found.view(), directions, known, codes, left); !status.ok())
        return status;
      for (std::size_t t = 0; t < directions.size(); ++t) {
        std::vector<float>& v = directions[t];
        const std::vector<float> before = v;
        std::vector<double> sum(dims);
        for (std::size_t i = 0; i < found.rows; ++i)
          if (const double a = codes[t][i]; a != 0)
            for (std::size_t k = 0; k < dims; ++k) sum[k] += a * (left[i * dims + k] + a * before[k]);
        moved = std::max(moved, redirect(sum, v));
        for (std::size_t i = 0; i < found.rows; ++i)
          if (const double a = codes[t][i]; a != 0)
            for (std::size_t k = 0; k < dims; ++k)
              left[i * dims + k] += a * (static_cast<double>(before[k]) - v[k]);
      }
    } else {
      if (Status status = contents(found, directions, known, codes); !status.ok()) return status;
      for (std::size_t t = 0; t < directions.size(); ++t) {
        std::vector<double> sum(dims);
        for (std::size_t i = 0; i < found.rows; ++i) {
          if (codes[t][i] == 0) continue;
          const float* r = found.left().row(i);
          const double c = dots::table().dot(r, directions[t].data(), dims);
          const double whole = reduce::table().squared_norm(r, dims);
          for (std::size_t k = 0; k < dims; ++k) sum[k] += c * c * c / whole * r[k];
        }
        moved = std::max(moved, redirect(sum, directions[t]));
      }
    }
    if (moved < kRest) break;
  }
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

Status DirectionLearner::contents(const Group& of, const Directions& directions, std::size_t known,
                                  std::vector<std::vector<double>>& contents) {
  const auto size = [&](double value) {
    return options_.nonnegative ? std::max(value, 0.0) : std::fabs(value);
  };
  if (options_.lambda > 0) {
    std::vector<double> left;
    if (Status status = unfold_with(of.view(), directions, known, contents, left); !status.ok())
      return status;
    for (auto& content : contents)
      for (double& value : content) value = size(value);
    return {};
  }
  contents.assign(directions.size(), std::vector<double>(of.rows));
  execution_.for_each((of.rows + kBlock - 1) / kBlock, [&](std::size_t block) {
    for (std::size_t i = block * kBlock; i < std::min(of.rows, (block + 1) * kBlock); ++i) {
      std::size_t strongest = 0;
      double most = 0;
      for (std::size_t t = 0; t < directions.size(); ++t) {
        const double value = size(dots::table().dot(of.left().row(i), directions[t].data(), of.dims));
        if (value > most) {
          most = value;
          strongest = t;
        }
      }
      if (!directions.empty()) contents[strongest][i] = most;
    }
  });
  return execution_.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
