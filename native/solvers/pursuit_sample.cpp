#include "pursuit_sample.hpp"

#include <algorithm>
#include <cmath>

#include "../kernels/dots/dots.hpp"
#include "../kernels/product/product.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/exact.hpp"

namespace unsuperpose {

namespace {

/// Float64's unit roundoff, and how far a number kept as two floats is off.
constexpr double kUnit = 0x1.0p-53, kSplitRounding = 0x1.0p-48;
/// ‖x‖² − ‖γD_I‖² is off by less than this share of the squared sizes of its parts (supports below 2¹⁰): energies
/// near what they are compared with are summed entry by entry instead.
constexpr double kEnergyRounding = 0x1.0p-40;
/// In correlations below this share of the sizes of a residual's parts the rounding of the coefficients may show.
constexpr double kCorrected = 0x1.0p-30;

/// A sample without atoms keeps room for this many: 9 KiB.
constexpr std::size_t kLargestKept = 32;

}  // namespace

void PursuitSample::clear() {
  if (fit.room() > kLargestKept) {
    *this = PursuitSample();
    return;
  }
  support.clear();
  atoms_.clear();
  fit.clear();
}

void PursuitSample::start(const float* x, double squared_norm, const Dictionary& dictionary,
                          bool nonnegative) {
  x_ = x;
  squared_norm_ = squared_norm;
  dictionary_ = &dictionary;
  nonnegative_ = nonnegative;
}

double PursuitSample::parts() const {
  double sum = std::sqrt(squared_norm_);
  for (std::size_t k = 0; k < support.size(); ++k)
    sum += std::fabs(fit.solution()[k]) * dictionary_->norm(support[k]);
  return sum;
}

double PursuitSample::rounding() const {
  return static_cast<double>(2 * support.size() + 8) * kUnit * parts();
}

bool PursuitSample::reached(double bound, PursuitScratch& scratch) const {
  const double size = parts(), left = energy(), unclear = kEnergyRounding * size * size;
  if (left > bound * bound + unclear) return false;
  if (left < bound * bound - unclear) return true;
  return exact_residual(scratch) <= std::max(bound, rounding());
}

bool PursuitSample::append(std::uint32_t choice, PursuitScratch& scratch) {
  const float* atom = dictionary_->atom(choice);
  const std::size_t n = support.size(), dims = dictionary_->dims();
  scratch.products.resize(n + 1);
  atoms_.push_back(atom);
  dots::table().correlate(atoms_.data(), n + 1, atom, dims, scratch.products.data());
  if (!fit.append(scratch.products.data(), dots::table().dot(atom, x_, dims))) {
    atoms_.pop_back();
    return false;
  }
  support.push_back(choice);
  return true;
}

bool PursuitSample::make_nonnegative() {
  const std::vector<std::size_t> dropped = fit.make_nonnegative();
  for (const std::size_t position : dropped) {
    support.erase(support.begin() + static_cast<std::ptrdiff_t>(position));
    atoms_.erase(atoms_.begin() + static_cast<std::ptrdiff_t>(position));
  }
  return !dropped.empty();
}

double PursuitSample::exact_residual(PursuitScratch& scratch) const {
  const std::size_t dims = dictionary_->dims();
  std::vector<double>& residual = scratch.exact;
  residual.assign(x_, x_ + dims);
  for (std::size_t k = 0; k < atoms_.size(); ++k)
    for (std::size_t d = 0; d < dims; ++d)
      residual[d] -= fit.solution()[k] * static_cast<double>(atoms_[k][d]);
  double squared = 0;
  for (const double v : residual) squared += v * v;
  return std::sqrt(squared);
}

double PursuitSample::summed(const std::vector<std::uint32_t>& atoms, const std::vector<float>& values,
                             float* out) const {
  const ConstMatrix32 rows = dictionary_->atoms();
  return sparse_rows::table().residual(x_, atoms.data(), values.data(), values.size(), rows.data, rows.stride,
                                       dictionary_->dims(), out);
}

double PursuitSample::coded_residual(float* out, PursuitScratch& scratch) const {
  scratch.values.assign(fit.solution().begin(), fit.solution().end());
  return summed(support, scratch.values, out);
}

double PursuitSample::residual(float* out, double& error) const {
  const std::vector<double>& solution = fit.solution();
  std::vector<std::uint32_t> twice = support;
  twice.insert(twice.end(), support.begin(), support.end());
  std::vector<float> values(solution.begin(), solution.end());
  for (std::size_t k = 0; k < solution.size(); ++k)
    values.push_back(static_cast<float>(solution[k] - static_cast<double>(values[k])));
  const double squared = summed(twice, values, out);
  error = 0x1.0p-24 * std::sqrt(squared) + rounding() + kSplitRounding * parts();
  return squared;
}

std::size_t PursuitSample::strongest(std::span<const std::uint32_t> atoms, PursuitScratch& scratch) {
  const std::vector<double>& solution = fit.solution();
  const std::size_t dims = dictionary_->dims(), n = solution.size(), none = dictionary_->features();
  if (atoms.empty()) return none;
  scratch.values.assign(solution.begin(), solution.end());
  sparse_rows::table().residual32(x_, atoms_.data(), scratch.values.data(), n, dims, scratch.residual.data());
  scratch.rows.clear();
  for (std::uint32_t j : atoms) scratch.rows.push_back(dictionary_->atom(j));
  scratch.values.resize(atoms.size());
  dots::table().correlate32(scratch.rows.data(), atoms.size(), scratch.residual.data(), dims,
                            scratch.values.data());

  // The residual is a chain of n steps with factors that were rounded too; scalar steps round twice.
  const double size = parts(), changed = (product::error_bound(2 * n) + 0x1.0p-24) * size;
  const double norm = std::sqrt(std::max(energy(), 0.0) + kEnergyRounding * size * size) + changed;
  const double share = product::error_bound(dims) * norm + changed;
  const double underflow = static_cast<double>(dims) * 0x1.0p-149;
  const auto strength = [&](std::size_t p) {
    const double value = static_cast<double>(scratch.values[p]);
    return nonnegative_ ? value : std::fabs(value);
  };
  const auto error = [&](std::size_t p) { return share * dictionary_->norm(atoms[p]) + underflow; };
  double certain = 0;  // what may be no correlation at all is open too
  for (std::size_t p = 0; p < atoms.size(); ++p) certain = std::max(certain, strength(p) - error(p));
  scratch.open.clear();
  for (std::size_t p = 0; p < atoms.size(); ++p)
    if (strength(p) + error(p) >= certain) scratch.open.push_back(atoms[p]);
  return scratch.open.size() == 1 && certain > 0 ? scratch.open.front() : strongest_exactly(scratch);
}

void PursuitSample::weigh(PursuitScratch& scratch) const {
  const std::size_t dims = dictionary_->dims();
  exact_residual(scratch);
  scratch.high.assign(scratch.exact.begin(), scratch.exact.end());
  scratch.low.resize(dims);
  for (std::size_t d = 0; d < dims; ++d)
    scratch.low[d] = static_cast<float>(scratch.exact[d] - static_cast<double>(scratch.high[d]));
  scratch.strengths.clear();
  for (std::uint32_t j : scratch.open) {
    const double value =
        scoring::split_product(dictionary_->atom(j), scratch.high.data(), scratch.low.data(), dims);
    scratch.strengths.push_back(nonnegative_ ? value : std::fabs(value));
  }
}

std::size_t PursuitSample::strongest_exactly(PursuitScratch& scratch) {
  const std::size_t none = dictionary_->features();
  for (bool corrected = support.empty();; corrected = true) {
    weigh(scratch);
    std::size_t choice = none;
    double strength = 0;
    for (std::size_t p = 0; p < scratch.open.size(); ++p)
      if (scratch.strengths[p] > strength) {
        choice = scratch.open[p];
        strength = scratch.strengths[p];
      }
    if (choice == none) return none;
    const double norm = dictionary_->norm(choice);
    if (corrected || strength > kCorrected * norm * parts())
      return strength > rounding() * norm ? choice : none;
    correct(scratch);
  }
}

/// A step of iterative refinement of the code, by the residual that weigh() left. What is left on the support is
/// then the residual's own rounding, however close to dependent the atoms are.
void PursuitSample::correct(PursuitScratch& scratch) {
  scratch.products.resize(atoms_.size());
  for (std::size_t k = 0; k < atoms_.size(); ++k)
    scratch.products[k] =
        scoring::split_product(atoms_[k], scratch.high.data(), scratch.low.data(), dictionary_->dims());
  fit.correct(scratch.products.data(), nonnegative_);
}

}  // namespace unsuperpose
