#include "lasso_path.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unsuperpose {

namespace {

/// Events this close, relative to λ, are at one knot. What rounding makes of a correlation (relative to ‖d_j‖) or of a least
/// squares code (relative to the largest): events at a λ that is no more than that are at zero.
constexpr double kTie = 1e-12, kRounding = 4e-15;
/// An atom whose correlation keeps this close to following λw_j never leaves the bound: duplicates of active atoms.
constexpr double kFlat = 1e-9;
/// An atom this near to the span of the active ones, relative to its norm, depends on them: its float32 entries are no
/// better than 2⁻²⁴, those in two parts than 2⁻⁴⁸.
constexpr double kDependent = 1e-7, kWideDependent = 1e-13;
/// A code below this share of what it is the difference of is zero.
constexpr double kZero = 1e-12;
/// Solutions that satisfy their equations worse than this are improved: one step of refinement, then a new factor.
constexpr double kAccurate = 1e-13, kPoor = 1e-9;
/// Least-index pivoting ends by itself in exact arithmetic. Where rounding makes it cycle, this many pivots a candidate end it.
constexpr std::size_t kPivotsPerCandidate = 4, kFewestPivots = 64;

}  // namespace

LassoPath::LassoPath(Candidates& candidates, bool nonnegative, double ridge)
    : candidates_(candidates),
      nonnegative_(nonnegative),
      ridge_(ridge),
      lambda_(std::numeric_limits<double>::infinity()),
      places_(candidates.size(), Place::outside) {
  refresh();
}

void LassoPath::resume(double lambda, const std::vector<std::uint32_t>& active,
                       const std::vector<double>& signs) {
  lambda_ = lambda;
  pivots_here_ = 0;
  for (std::size_t k = 0; k < active.size(); ++k) join(active[k], signs[k] < 0 ? -1 : 1, true);
  refresh();
}

LassoPath::Event LassoPath::search() const {
  Event first, least;  // the largest λ; the least feature among the events here
  const double here = std::isinf(lambda_) ? lambda_ : lambda_ * (1 - kTie);
  const auto consider = [&](double lambda, double rounding, std::size_t position, int sign) {
    const auto at = static_cast<std::uint32_t>(position);
    if (!(lambda > rounding)) return;
    if (lambda >= here &&
        (least.lambda == 0 || candidates_.atoms()[at] < candidates_.atoms()[least.position]))
      least = {lambda_, at, sign};
    if (lambda > first.lambda) first = {lambda, at, sign};
  };
  for (std::size_t j = 0; j < places_.size(); ++j) {
    if (places_[j] != Place::outside) continue;
    const double w = candidates_.weight(j), rounding = kRounding * std::sqrt(candidates_.squared_norm(j));
    for (int sign = 1; sign >= (nonnegative_ ? 1 : -1); sign -= 2) {
      // λw − σc(λ) = λ(w − σg) − σq is the room left; it closes as λ falls where w − σg > 0.
      const double rate = w - sign * g_[j];
      if (rate <= kFlat * w) continue;
      consider(sign * q_[j] / rate, rounding / rate, j, sign);
    }
  }
  double largest = 0;
  for (double p : p_) largest = std::max(largest, std::fabs(p));
  for (std::size_t k = 0; k < active_.size(); ++k) {
    // |a_k| falls with λ only there.
    if (signs_[k] * u_[k] < 0) consider(p_[k] / u_[k], kRounding * largest / std::fabs(u_[k]), active_[k], 0);
  }
  return least.lambda > 0 ? least : first;
}

LassoPath::Event LassoPath::next() {
  for (;;) {
    const Event event = search();
    if (event.sign == 0) return event;
    if (!join(event.position, event.sign, false)) continue;  // it is marked
    // It fits: apply() takes it in.
    factor_.remove(active_.size() - 1);
    active_.pop_back();
    signs_.pop_back();
    places_[event.position] = Place::outside;
    return event;
  }
}

/// Into the factor, which becomes orthogonal once Cholesky has its doubts. `certain`: it was in such a factor before.
bool LassoPath::append(std::uint32_t position, bool certain) {
  if (!factor_.orthogonal()) {
    const double* row = candidates_.products(position);
    scratch_.resize(active_.size());
    for (std::size_t k = 0; k < active_.size(); ++k) scratch_[k] = row[active_[k]];
    // A ridge keeps every pivot above β.
    if (factor_.append(scratch_.data(), candidates_.squared_norm(position) + ridge_, ridge_ > 0)) return true;
    if (ridge_ > 0) return false;
    factor(candidates_.dims());
  }
  if (candidates_.wide()) return factor_.append(candidates_.wide_row(position), certain ? 0 : kWideDependent);
  return factor_.append(candidates_.rows()[position], certain ? 0 : kDependent);
}

bool LassoPath::join(std::uint32_t position, int sign, bool certain) {
  if (!append(position, certain)) {
    places_[position] = Place::refused;
    return false;
  }
  places_[position] = Place::active;
  active_.push_back(position);
  signs_.push_back(sign);
  return true;
}

void LassoPath::apply(const Event& event) {
  if (here(event)) {
    ++pivots_here_;
  } else {
    lambda_ = event.lambda;
    pivots_here_ = 1;
  }
  if (event.sign != 0) {
    join(event.position, event.sign, true);
  } else {
    const auto at = std::find(active_.begin(), active_.end(), event.position);
    const std::size_t position = static_cast<std::size_t>(at - active_.begin());
    factor_.remove(position);
    signs_.erase(signs_.begin() + static_cast<std::ptrdiff_t>(position));
    active_.erase(at);
    const bool cycling = pivots_here_ > kFewestPivots + kPivotsPerCandidate * places_.size();
    places_[event.position] = cycling ? Place::refused : Place::outside;
    // What depended on the atom that left need not depend on the others.
    if (!cycling) std::replace(places_.begin(), places_.end(), Place::refused, Place::outside);
  }
  refresh();
}

/// p and u from the factor.
void LassoPath::solve() {
  const std::size_t k = active_.size();
  p_.resize(k);
  u_.resize(k);
  for (std::size_t i = 0; i < k; ++i) {
    p_[i] = candidates_.target(active_[i]);
    u_[i] = candidates_.weight(active_[i]) * signs_[i];
  }
  factor_.solve(u_.data(), u_.data());
  if (!factor_.orthogonal())
    factor_.solve(p_.data(), p_.data());
  else if (candidates_.wide())
    factor_.fit(candidates_.wide_sample(), p_.data());
  else
    factor_.fit(candidates_.sample(), p_.data());
}

/// q and g from the products of the active atoms.
void LassoPath::project() {
  const std::size_t n = places_.size();
  q_.resize(n);
  g_.assign(n, 0);
  for (std::size_t j = 0; j < n; ++j) q_[j] = candidates_.target(j);
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const double* row = candidates_.products(active_[i]);
    const double p = p_[i], u = u_[i];
    for (std::size_t j = 0; j < n; ++j) {
      q_[j] -= p * row[j];
      g_[j] += u * row[j];
    }
  }
}

/// By how much the active correlations miss what they must be; where that is more than rounding, after one step of
/// iterative refinement (Golub & Van Loan §3.5.3).
double LassoPath::refine() {
  const std::size_t k = active_.size();
  std::vector<double> left(k), right(k);
  for (bool last = false;; last = true) {
    double error = 0;
    for (std::size_t i = 0; i < k; ++i) {
      const std::uint32_t at = active_[i];
      const double w = candidates_.weight(at);
      left[i] = q_[at] - ridge_ * p_[i];
      right[i] = w * signs_[i] - g_[at] - ridge_ * u_[i];
      error = std::max(
          {error, std::fabs(left[i]) / std::sqrt(candidates_.squared_norm(at)), std::fabs(right[i]) / w});
    }
    if (last || !(error > kAccurate)) return error;
    factor_.solve(left.data(), left.data());
    factor_.solve(right.data(), right.data());
    for (std::size_t i = 0; i < k; ++i) {
      p_[i] += left[i];
      u_[i] += right[i];
    }
    project();
  }
}

/// The factor of the active atoms anew; with dims > 0, orthogonal.
void LassoPath::factor(std::size_t dims) {
  const std::vector<std::uint32_t> active = std::move(active_);
  const std::vector<double> signs = std::move(signs_);
  active_.clear();
  signs_.clear();
  factor_.restart(dims);
  for (std::size_t k = 0; k < active.size(); ++k) join(active[k], signs[k] < 0 ? -1 : 1, true);
}

void LassoPath::refresh() {
  solve();
  project();
  // Orthogonal factors are backward stable, and their correlations here no better than the Gram matrix.
  if (factor_.orthogonal() || !(refine() > kPoor)) return;
  factor(ridge_ > 0 ? 0 : candidates_.dims());  // updates and downdates have worn the old one out
  solve();
  project();
}

std::vector<LassoPath::Code> LassoPath::codes(double lambda) const {
  std::vector<Code> codes;
  codes.reserve(active_.size());
  for (std::size_t k = 0; k < active_.size(); ++k) {
    const double value = p_[k] - lambda * u_[k],
                 small = kZero * (std::fabs(p_[k]) + lambda * std::fabs(u_[k]));
    if (signs_[k] * value < -small) return codes_without_strays(lambda);
    if (signs_[k] * value > small) codes.push_back({active_[k], value});
  }
  return codes;
}

/// Where atoms are nearly dependent, rounding may let one in or out too early, and its code has the wrong sign. The
/// solution on the others is then as good as the data are.
std::vector<LassoPath::Code> LassoPath::codes_without_strays(double lambda) const {
  std::vector<std::uint32_t> kept;
  std::vector<double> signs;
  for (std::size_t k = 0; k < active_.size(); ++k) {
    if (signs_[k] * (p_[k] - lambda * u_[k]) <= 0) continue;
    kept.push_back(active_[k]);
    signs.push_back(signs_[k]);
  }
  LassoPath path(candidates_, nonnegative_, ridge_);
  path.resume(lambda, kept, signs);
  return path.codes(lambda);
}

double LassoPath::lambda_of_residual(double squared_input, double bound) const {
  double least = squared_input, curvature = 0;
  for (std::size_t k = 0; k < active_.size(); ++k) {
    least -= p_[k] * candidates_.target(active_[k]);
    curvature += u_[k] * candidates_.weight(active_[k]) * signs_[k];
  }
  return bound >= least && curvature > 0 ? std::sqrt((bound - least) / curvature) : -1;
}

}  // namespace unsuperpose
