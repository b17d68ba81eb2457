#include "dual_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/index.hpp"
#include "../core/sums.hpp"
#include "../scoring/bound.hpp"

namespace unsuperpose {

namespace {

/// Beyond 1 by less than this, a bound counts as reached. Decides where the search goes, not what is proved.
constexpr double kReached = 1e-9;
/// An atom of which others leave less than this share depends on them.
constexpr double kDependent = 1e-8;
/// Atoms looked at in float64 between two scorings of all.
constexpr std::size_t kLooked = 64;
/// For a bound's own rounding.
constexpr double kUp = 1 + 0x1.0p-30;
/// Coefficients that are tried as exact ones are multiples of 2^−20, below 2^20 of the last atom's.
constexpr int kPlaces = 20;
/// Exponents that entries of one coordinate may span: as integers they have 62 bits then.
constexpr int kExponents = 38;
__extension__ typedef __int128 Wide;

}  // namespace

std::size_t spanned_dims(const Dictionary& dictionary) {
  std::vector<std::uint8_t> used(dictionary.dims(), 0);
  for (std::size_t j = 0; j < dictionary.features(); ++j)
    for (std::size_t d = 0; d < dictionary.dims(); ++d) used[d] |= dictionary.atom(j)[d] != 0;
  return static_cast<std::size_t>(std::count(used.begin(), used.end(), 1));
}

DualSearch::DualSearch(const Dictionary& dictionary, const std::vector<std::uint32_t>& support,
                       const std::vector<double>& signs, bool nonnegative, std::size_t spanned)
    : dictionary_(dictionary),
      nonnegative_(nonnegative),
      dims_(dictionary.dims()),
      spanned_(spanned),
      inside_(dictionary.features(), 0),
      y_(dictionary.dims(), 0) {
  for (std::size_t i = 0; i < support.size(); ++i)
    if (!append(support[i], signs[i], 0)) {
      within_support_ = true;
      state_ = State::dependent;
      return;
    }
  fixed_ = atoms_.size();
  // y = Σ t_k q_k with Rᵀt = b, and the multipliers R⁻¹t.
  std::vector<double> t(fixed_);
  for (std::size_t k = 0; k < fixed_; ++k) {
    t[k] = (bounds_[k] - sums::dot(r_[k].data(), t.data(), k)) / r_[k][k];
    for (std::size_t d = 0; d < dims_; ++d) y_[d] += t[k] * q_[k][d];
  }
  for (std::size_t k = fixed_; k-- > 0;) {
    multipliers_[k] = t[k] / r_[k][k];
    for (std::size_t i = 0; i < k; ++i) t[i] -= r_[k][i] * multipliers_[k];
  }
}

double DualSearch::value(std::uint32_t j) const { return sums::dot(dictionary_.atom(j), y_.data(), dims_); }

/// How far beyond its bound of 1 an atom's product is, and on which side.
double DualSearch::excess(std::uint32_t j, double& sign) const {
  const double v = value(j);
  sign = v < 0 && !nonnegative_ ? -1 : 1;
  return sign * v - 1;
}

void DualSearch::split(std::uint32_t j, double sign, std::vector<double>& n) {
  const double scale = sign / dictionary_.norm(j);
  n.resize(dims_);
  for (std::size_t d = 0; d < dims_; ++d) n[d] = scale * static_cast<double>(dictionary_.atom(j)[d]);
  along_.assign(q_.size(), 0);
  across_ = n;
  // Twice is enough (Kahan and Parlett).
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t k = 0; k < q_.size(); ++k) {
      const double c = sums::dot(q_[k].data(), across_.data(), dims_);
      along_[k] += c;
      for (std::size_t d = 0; d < dims_; ++d) across_[d] -= c * q_[k][d];
    }
  across_norm_ = sums::norm(across_.data(), dims_);
  coefficients_ = along_;
  for (std::size_t k = q_.size(); k-- > 0;) {
    coefficients_[k] /= r_[k][k];
    for (std::size_t i = 0; i < k; ++i) coefficients_[i] -= r_[k][i] * coefficients_[k];
  }
}

/// `sign`: of the atom in the support, or minus that of its product off it. False, and nothing done, if it depends on the others.
bool DualSearch::append(std::uint32_t j, double sign, double multiplier) {
  const bool fixed = fixed_ == 0;
  split(j, sign, n_);
  last_ = j;
  last_turn_ = sign;
  if (across_norm_ <= kDependent) return false;
  std::vector<double> column = along_, row = across_;
  column.push_back(across_norm_);
  for (double& v : row) v /= across_norm_;
  q_.push_back(std::move(row));
  r_.push_back(std::move(column));
  atoms_.push_back(j);
  turns_.push_back(sign);
  bounds_.push_back((fixed ? 1 : -1) / dictionary_.norm(j));
  multipliers_.push_back(multiplier);
  inside_[j] = 1;
  return true;
}

void DualSearch::drop(std::size_t k) {
  inside_[atoms_[k]] = 0;
  const auto at = static_cast<std::ptrdiff_t>(k);
  atoms_.erase(atoms_.begin() + at);
  turns_.erase(turns_.begin() + at);
  bounds_.erase(bounds_.begin() + at);
  multipliers_.erase(multipliers_.begin() + at);
  r_.erase(r_.begin() + at);
  for (std::size_t i = k; i < r_.size(); ++i) {
    // Not std::hypot: it would raise the glibc floor. The larger of the two is not 0, or the columns were dependent.
    const double a = r_[i][i], b = r_[i][i + 1], most = std::max(std::fabs(a), std::fabs(b));
    const double size = std::sqrt((a / most) * (a / most) + (b / most) * (b / most));
    const double c = a / most / size, s = b / most / size;
    for (std::size_t j = i; j < r_.size(); ++j) {
      const double x = r_[j][i], z = r_[j][i + 1];
      r_[j][i] = c * x + s * z;
      r_[j][i + 1] = c * z - s * x;
    }
    r_[i].resize(i + 1);
    for (std::size_t d = 0; d < dims_; ++d) {
      const double x = q_[i][d], z = q_[i + 1][d];
      q_[i][d] = c * x + s * z;
      q_[i + 1][d] = c * z - s * x;
    }
  }
  q_.pop_back();
}

/// Goldfarb & Idnani's step 2 for one violated constraint.
void DualSearch::take(std::uint32_t j, double sign) {
  const double turn = -sign, bound = -1 / dictionary_.norm(j);
  double multiplier = 0;
  for (;;) {
    ++steps_;
    split(j, turn, n_);
    last_ = j;
    last_turn_ = turn;
    double first = std::numeric_limits<double>::infinity();
    std::size_t blocking = 0;
    for (std::size_t k = fixed_; k < atoms_.size(); ++k)
      if (coefficients_[k] > 0 && multipliers_[k] / coefficients_[k] < first) {
        first = multipliers_[k] / coefficients_[k];
        blocking = k;
      }
    const bool independent = across_norm_ > kDependent;
    if (!independent && !std::isfinite(first)) {
      state_ = State::dependent;
      return;
    }
    const double room = bound - sums::dot(n_.data(), y_.data(), dims_);
    const double full = independent ? std::max(0.0, room / (across_norm_ * across_norm_))
                                    : std::numeric_limits<double>::infinity();
    const double step = std::min(first, full);
    if (independent)
      for (std::size_t d = 0; d < dims_; ++d) y_[d] += step * across_[d];
    for (std::size_t k = 0; k < atoms_.size(); ++k) multipliers_[k] -= step * coefficients_[k];
    multiplier += step;
    if (full <= first) {
      append(j, turn, multiplier);
      return;
    }
    drop(blocking);
  }
}

double DualSearch::point(float* to, int& exponent) const {
  double largest = 0, square = 0;
  for (const double v : y_) largest = std::max(largest, std::fabs(v));
  exponent = 0;
  std::frexp(largest, &exponent);
  for (std::size_t d = 0; d < dims_; ++d) {
    const double v = std::ldexp(y_[d], -exponent);
    to[d] = static_cast<float>(v);
    square += v * v;
  }
  return std::sqrt(square) * kUp;
}

std::size_t DualSearch::advance(const float* scores, double norm, int exponent, const Execution& execution) {
  steps_ = 0;
  const double one = std::ldexp(1.0, -exponent);
  std::vector<std::pair<double, std::uint32_t>> near;
  for (std::uint32_t j = 0; j < dictionary_.features(); ++j) {
    const double size = dictionary_.norm(j);
    if (inside_[j] || size == 0) continue;
    const double strength = nonnegative_ ? scores[j] : std::fabs(scores[j]);
    const double error = scoring::float32_error(dims_, norm, size) + 0x1.0p-23 * norm * size;
    if (strength + error >= one * (1 - kReached)) near.push_back({(one - strength) / size, j});
  }
  const std::size_t looked = std::min(kLooked, near.size());
  std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(looked), near.end());
  double sign = 1;
  for (;;) {
    double most = 0;
    std::uint32_t found = kNone;
    const auto look = [&](std::size_t from, std::size_t to) {
      for (std::size_t k = from; k < to; ++k) {
        const std::uint32_t j = near[k].second;
        double side = 1;
        const double beyond = inside_[j] ? 0 : excess(j, side);
        if (beyond <= kReached || beyond / dictionary_.norm(j) <= most) continue;
        most = beyond / dictionary_.norm(j);
        found = j;
        sign = side;
      }
    };
    look(0, looked);
    if (found == kNone && steps_ > 0) return steps_;  // scores are of a y that is past
    if (found == kNone) look(looked, near.size());
    if (found == kNone) break;
    take(found, sign);
    if (state_ != State::searching || execution.cancelled()) return steps_;
  }
  // What reaches 1 counts among J where it can; where it depends on J, another code may be as short.
  state_ = State::ended;
  for (const auto& [unused, j] : near) {
    if (inside_[j] || std::fabs(excess(j, sign)) > kReached) continue;
    if (append(j, -sign, 0)) continue;
    if (proved_exactly()) tied_ = true;
  }
  return steps_;
}

std::vector<double> DualSearch::signs() const {
  std::vector<double> out = turns_;
  for (std::size_t k = fixed_; k < out.size(); ++k) out[k] = -out[k];
  return out;
}

bool DualSearch::disproved() const { return proved_exactly() || proved_by_bound(); }

/// The coefficients as multiples of 2^−20 of the last atom's: do they cancel exactly, and does ‖a‖₁ not grow along them?
bool DualSearch::proved_exactly() const {
  std::vector<std::uint32_t> atoms = atoms_;
  std::vector<std::int64_t> g;  // Σ g_i d_i = 0
  atoms.push_back(last_);
  const double own = dictionary_.norm(last_);
  for (std::size_t k = 0; k < atoms_.size(); ++k) {
    const double c = std::ldexp(coefficients_[k] * turns_[k] * own / dictionary_.norm(atoms_[k]), kPlaces);
    if (!(std::fabs(c) < std::ldexp(1.0, 2 * kPlaces))) return false;
    g.push_back(static_cast<std::int64_t>(std::llround(c)));
  }
  g.push_back(-static_cast<std::int64_t>(std::ldexp(last_turn_, kPlaces)));
  // Within the support ‖a‖₁ falls one way or the other, or stays.
  if (!within_support_) {
    double grows = 0;
    for (std::size_t k = 0; k < atoms.size(); ++k) {
      const auto value = static_cast<double>(g[k]);
      if (k < fixed_)
        grows += turns_[k] * value;
      else if (nonnegative_ && value < 0)
        return false;
      else
        grows += std::fabs(value);
    }
    if (grows > 0) return false;
  }
  for (std::size_t d = 0; d < dims_; ++d) {
    int lowest = std::numeric_limits<int>::max(), highest = std::numeric_limits<int>::min();
    for (const std::uint32_t j : atoms) {
      const float v = dictionary_.atom(j)[d];
      if (v == 0) continue;
      const int exponent = std::ilogb(v);
      lowest = std::min(lowest, exponent);
      highest = std::max(highest, exponent);
    }
    if (highest < lowest) continue;
    if (highest - lowest > kExponents) return false;
    Wide sum = 0;
    for (std::size_t k = 0; k < atoms.size(); ++k) {
      const auto entry = static_cast<std::int64_t>(
          std::ldexp(static_cast<double>(dictionary_.atom(atoms[k])[d]), 23 - lowest));
      sum += static_cast<Wide>(g[k]) * entry;
    }
    if (sum != 0) return false;
  }
  return true;
}

/// A lower bound of the smallest singular value of the n_i, from the factors at hand: N = QᵀR + E, with QQᵀ = I + W measured, and
/// σ(R) ≥ (1 − ‖RX − I‖)/‖X‖ for X ≈ R⁻¹. 0 if none was proved. A Gram matrix would square the condition.
double DualSearch::smallest_singular() const {
  const std::size_t size = atoms_.size();
  const double gamma = 2 * gamma64(std::max(size, dims_) + 8);
  double skew = 0, apart = 0, inverse = 0, triangle = 0;
  std::vector<double> rest(dims_), x;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t k = 0; k <= i; ++k) {
      const double w = std::fabs(sums::dot(q_[i].data(), q_[k].data(), dims_) - (i == k ? 1 : 0)) + 2 * gamma;
      skew += (i == k ? 1 : 2) * w * w;
    }
    const double scale = turns_[i] / dictionary_.norm(atoms_[i]);
    const float* atom = dictionary_.atom(atoms_[i]);
    for (std::size_t d = 0; d < dims_; ++d) rest[d] = scale * static_cast<double>(atom[d]);
    double parts = 2;
    for (std::size_t k = 0; k <= i; ++k) {
      const double c = r_[i][k];
      for (std::size_t d = 0; d < dims_; ++d) rest[d] -= c * q_[k][d];
      parts += 2 * std::fabs(c);
      triangle += c * c;
    }
    const double off = sums::norm(rest.data(), dims_) * kUp + gamma * parts;
    apart += off * off;
    // Column i of R⁻¹, from below.
    x.assign(i + 1, 0);
    x[i] = 1;
    for (std::size_t k = i + 1; k-- > 0;) {
      x[k] /= r_[k][k];
      for (std::size_t l = 0; l < k; ++l) x[l] -= r_[k][l] * x[k];
    }
    inverse += sums::squared_norm(x.data(), i + 1);
  }
  skew = std::sqrt(skew) * kUp;
  inverse = std::sqrt(inverse) * kUp;
  const double residual = gamma * std::sqrt(triangle) * inverse * kUp;
  if (!(skew < 0.5) || !(residual < 0.5)) return 0;
  return std::max(0.0, (std::sqrt(1 - skew) * (1 - residual) / inverse - std::sqrt(apart)) / kUp);
}

/// J spans all coordinates: the last atom has just one representation by it, and the computed one is off by a known amount.
bool DualSearch::proved_by_bound() const {
  if (within_support_ || atoms_.size() != spanned_) return false;
  const double singular = smallest_singular();
  if (!(singular > 0)) return false;
  std::vector<double> rest(dims_, 0), sizes(dims_, 0);
  const auto add = [&](std::uint32_t j, double c) {
    for (std::size_t d = 0; d < dims_; ++d) {
      const double v = c * (static_cast<double>(dictionary_.atom(j)[d]) / dictionary_.norm(j));
      rest[d] += v;
      sizes[d] += std::fabs(v);
    }
  };
  add(last_, last_turn_);
  double sum = 1 / dictionary_.norm(last_), absolute = sum, weights = 0;
  for (std::size_t k = 0; k < atoms_.size(); ++k) add(atoms_[k], -coefficients_[k] * turns_[k]);
  const double gamma = gamma64(atoms_.size() + 8);
  for (std::size_t d = 0; d < dims_; ++d) rest[d] = std::fabs(rest[d]) + gamma * sizes[d];
  const double off = sums::norm(rest.data(), dims_) / singular * kUp;
  for (std::size_t k = 0; k < atoms_.size(); ++k) {
    const double weight = 1 / dictionary_.norm(atoms_[k]), c = coefficients_[k];
    if (k >= fixed_ && nonnegative_ && !(c + off <= 0)) return false;
    const double term = (k < fixed_ ? c : std::fabs(c)) * weight;
    sum += term;
    absolute += std::fabs(term);
    weights += weight * weight;
  }
  return sum + (off * std::sqrt(weights) + gamma * absolute) * kUp < 0;
}

}  // namespace unsuperpose
