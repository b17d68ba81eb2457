// The lasso on a working set: its atoms, the inner solver, and what the residual says.
#include <algorithm>
#include <cmath>

#include "../core/cancellation.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "lasso_batch.hpp"

namespace unsuperpose {

namespace {

/// The inner solve aims at this share of the gap that is asked for.
constexpr double kInnerShare = 0.25;
constexpr unsigned kFirstSweeps = 3,
                   kSweeps = 12;  // of coordinate descent before a Newton step is tried: at first, later
constexpr unsigned kFirstAttempts = 4;
constexpr unsigned kAttempts = 60;        // descent + Newton rounds
constexpr unsigned kPatientSweeps = 400;  // where Newton cannot help (dependent atoms)

}  // namespace

/// Takes the violators that were chosen into the working set, with their exact correlations.
void LassoBatch::take(Sample& sample, Workspace& scratch) const {
  const std::vector<Violator>& chosen = scratch.decision.violators;
  const std::size_t old = sample.set.size();
  // With room for the second choice, which most samples make: growing copies the Gram matrix.
  sample.set.reserve(old == 0 ? chosen.size() + later_choice(dictionary_.dims(), chosen.size())
                              : old + chosen.size());
  const double lambda = batch_.lambda(sample.slot);
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    sample.set.add(dictionary_, chosen[k].atom, static_cast<float>(lambda * weight(chosen[k].atom)));
    sample.set.correlation()[old + k] = static_cast<float>(chosen[k].correlation);
    // follow() will read its row, once the code is solved.
    if (gram_.used && old + chosen.size() <= most_rows() && gram_.gram->has(chosen[k].atom))
      gram_.gram->prefetch(chosen[k].atom);
  }
}

void LassoBatch::solve(Sample& sample, Workspace& scratch) const {
  {
    const StageTimer timer(options_.profile.get(), Stage::gram);
    sample.set.complete_gram(dictionary_, ridge_);
  }
  const StageTimer timer(options_.profile.get(), Stage::solve);
  const descent::Problem problem = sample.set.problem(ridge_, options_.nonnegative);
  const auto& descent = descent::table();
  scratch.newton.reserve(descent::newton_scratch(problem.count));
  const float largest = reduce::table().max_absolute(problem.correlation, problem.count);
  for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
    cancellation::point();
    // A KKT violation of η costs about η·Σ|a|/w_min in the gap, and ½(η/(λw_min))²‖r‖² by shrinking the dual point,
    // which is what counts where most of x stays unexplained; below 2⁻²² of the largest correlation float32
    // cannot tell it from rounding.
    double l1 = 0;
    for (std::size_t k = 0; k < problem.count; ++k) l1 += std::fabs(problem.code[k]);
    const double affordable = kInnerShare * options_.tolerance * 0.5 * sample.at.squared_input;
    const double shrunk = batch_.lambda(sample.slot) * std::sqrt(2 * affordable / sample.at.squared_residual);
    const double violation = l1 > 0 ? smallest_weight_ * std::min(affordable / l1, shrunk) : 0;
    const float accuracy = static_cast<float>(std::max(violation, largest * 0x1.0p-22));
    if (descent.sweep(problem, accuracy, attempt < kFirstAttempts ? kFirstSweeps : kSweeps)) break;
    if (!descent.newton(problem, scratch.newton.data())) {
      descent.sweep(problem, accuracy, kPatientSweeps);
      break;
    }
  }
  sample.set.release_large_gram();
  ++sample.solves;
}

/// The residual and the float64 sums of the current code.
void LassoBatch::evaluate(Sample& sample, Workspace& scratch) const {
  const StageTimer timer(options_.profile.get(), Stage::residual);
  scratch.support.clear();
  scratch.support_values.clear();
  sample.at.weighted_l1 = sample.at.squared_code = 0;
  for (std::size_t k = 0; k < sample.set.size(); ++k) {
    const float a = sample.set.code()[k];
    if (a == 0) continue;
    scratch.support.push_back(sample.set.atoms()[k]);
    scratch.support_values.push_back(a);
    sample.at.weighted_l1 += weight(sample.set.atoms()[k]) * std::fabs(static_cast<double>(a));
    sample.at.squared_code += static_cast<double>(a) * a;
  }
  const ConstMatrix32 samples = batch_.samples(), atoms = dictionary_.atoms();
  sample.at.squared_input = batch_.squared_norm(sample.slot);
  sample.at.squared_residual = sparse_rows::table().residual(
      samples.row(sample.slot), scratch.support.data(), scratch.support_values.data(), scratch.support.size(),
      atoms.data, atoms.stride, dictionary_.dims(), residual(sample));
  sample.at.squared_rounded = reduce::table().squared_norm(residual(sample), dictionary_.dims());
  sample.at.input_residual =
      dots::table().dot(samples.row(sample.slot), residual(sample), dictionary_.dims());
  // While their rows are still in the cache.
  const std::size_t n = sample.set.size();
  scratch.doubles.resize(n);
  dots::table().correlate(sample.set.rows(), n, residual(sample), dictionary_.dims(), scratch.doubles.data());
  sample.strongest = 0;
  for (std::size_t k = 0; k < n; ++k) {
    sample.set.correlation()[k] = static_cast<float>(scratch.doubles[k]);
    sample.strongest = std::max(
        sample.strongest,
        scorer_.strength(scratch.doubles[k] - ridge_ * sample.set.code()[k], weight(sample.set.atoms()[k])));
  }
}

}  // namespace unsuperpose
