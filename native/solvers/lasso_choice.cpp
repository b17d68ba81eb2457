// Which atoms outside a working set violate the optimality conditions, and which of them are the strongest.
#include <algorithm>
#include <cmath>

#include "../kernels/dots/dots.hpp"
#include "lasso_batch.hpp"

namespace unsuperpose {

namespace {

using product::Entry;

/// Scores whose error comes to more than this share of λ leave too much open: of a pass, and of those that were kept.
constexpr double kUsefulShare = 0.5, kUsefulKept = 0.25;
/// Choices that are made as scored, from a pass.
constexpr std::uint32_t kRoughChoices = 1;
/// Updating a correlation by a Gram row costs about this many multiplications of a pass.
constexpr std::size_t kUpdateCost = 4, kUpdateCostInBytes = 16;
/// Changes that may wait cost this share of λ in all.
constexpr double kWaitingShare = 0.05;
/// Atoms that may violate, at most, where scores are kept: more are better told apart by a pass.
constexpr std::size_t kMostListed = 512;
/// Where they are more, so many times what is chosen.
constexpr std::size_t kEnough = 4;
/// Of a residual rounded to float32, relative to its norm.
constexpr double kRounding = 0x1.0p-24;
/// Exact correlations computed at a time.
constexpr std::size_t kTogether = 256;

}  // namespace

/// Beyond this many Gram rows a pass is cheaper.
std::size_t LassoBatch::most_rows() const {
  const bool bytes = scorer_.precision(0) == product::Precision::int8;
  return dictionary_.dims() / (bytes ? kUpdateCostInBytes : kUpdateCost);
}

std::size_t LassoBatch::most_chosen(const Sample& sample) const {
  const std::size_t dims = dictionary_.dims();
  return sample.solves == 0 ? first_choice(dims) : later_choice(dims, sample.set.size());
}

bool LassoBatch::useful(const Sample& sample, double error) const {
  return error <= kUsefulShare * batch_.lambda(sample.slot);
}

/// What the last pass listed of a sample, without the working set.
void LassoBatch::list(const Sample& sample, std::size_t position, Workspace& scratch) const {
  const scoring::Scored& scored = scorer_[position];
  Outside& outside = scratch.outside;
  outside.entries.clear();
  outside.entries.reserve(scored.count);  // nothing may throw while marks are set
  outside.error = scored.error;
  outside.unlisted = scored.unlisted;
  outside.full = scored.full;
  for (const std::uint32_t j : sample.set.atoms()) scratch.marks[j] = 1;
  for (std::size_t k = 0; k < scored.count; ++k)
    if (!scratch.marks[scored.entries[k].index]) outside.entries.push_back(scored.entries[k]);
  for (const std::uint32_t j : sample.set.atoms()) scratch.marks[j] = 0;
}

/// Exact correlations of the first `count` atoms listed: which violate, the `most` strongest of them in order, ties by index.
void LassoBatch::weigh(const Sample& sample, std::size_t count, std::size_t most, Workspace& scratch) const {
  const StageTimer timer(options_.profile.get(), Stage::rescore);
  const double lambda = batch_.lambda(sample.slot);
  const Outside& outside = scratch.outside;
  Decision& decision = scratch.decision;
  decision.violators.clear();
  decision.strongest = lambda;
  decision.certain = true;
  scratch.rows.resize(count);
  scratch.doubles.resize(count);
  for (std::size_t k = 0; k < count; ++k) scratch.rows[k] = dictionary_.atom(outside.entries[k].index);
  dots::table().correlate(scratch.rows.data(), count, residual(sample), dictionary_.dims(),
                          scratch.doubles.data());
  for (std::size_t k = 0; k < count; ++k) {
    const std::uint32_t j = outside.entries[k].index;
    const double strength = scorer_.strength(scratch.doubles[k], weight(j));
    decision.strongest = std::max(decision.strongest, strength);
    if (strength > lambda) decision.violators.push_back({j, scratch.doubles[k], strength});
  }
  std::sort(decision.violators.begin(), decision.violators.end(), [](const Violator& a, const Violator& b) {
    return a.strength > b.strength || (a.strength == b.strength && a.atom < b.atom);
  });
  if (decision.violators.size() > most) decision.violators.resize(most);
}

/// The first choices need no proof: the strongest as they were scored, if one of them is enough to say that the sample is not finished.
bool LassoBatch::choose_roughly(const Sample& sample, Workspace& scratch) const {
  if (sample.solves >= kRoughChoices) return false;
  const double lambda = batch_.lambda(sample.slot);
  const Outside& outside = scratch.outside;
  if (outside.entries.empty()) return false;
  const double least = scorer_.strength(outside.entries.front()) - outside.error;
  if (!(least > lambda) || !(relative_gap(sample.at, lambda, ridge_, least) > options_.tolerance))
    return false;
  std::size_t count = 0;
  while (count < std::min(most_chosen(sample), outside.entries.size()) &&
         scorer_.strength(outside.entries[count]) > lambda)
    ++count;
  weigh(sample, count, count, scratch);
  return true;
}

/// Decides by exact correlations of those atoms that may matter. False where the list does not have all of those.
bool LassoBatch::decide(const Sample& sample, Workspace& scratch) const {
  const Outside& outside = scratch.outside;
  std::vector<Entry>& entries = scratch.outside.entries;
  const bool complete = !outside.full && !(outside.unlisted > batch_.lambda(sample.slot));
  const std::size_t most = most_chosen(sample);
  std::size_t count = entries.size();
  if (count > most) {
    const auto last = entries.begin() + static_cast<std::ptrdiff_t>(most - 1);
    std::nth_element(entries.begin(), last, entries.end(), [&](const Entry& a, const Entry& b) {
      return scorer_.strength(a) > scorer_.strength(b);
    });
    // The last that is chosen has at least its score less the error: what is further below is not among the strongest.
    const double floor = scorer_.strength(*last) - 2 * outside.error;
    const auto end =
        std::partition(last, entries.end(), [&](const Entry& a) { return scorer_.strength(a) >= floor; });
    count = static_cast<std::size_t>(end - entries.begin());
  }
  if (count == entries.size() && !complete) return false;
  weigh(sample, count, most, scratch);
  return true;
}

/// Decides by exact correlations of all atoms.
void LassoBatch::decide_whole(const Sample& sample, Workspace& scratch) const {
  std::vector<Violator> violators;
  double strongest = 0;
  Outside& outside = scratch.outside;
  const std::size_t features = dictionary_.features(), most = most_chosen(sample);
  for (std::size_t first = 0; first < features; first += kTogether) {
    outside.entries.clear();
    for (std::size_t j = first; j < std::min(features, first + kTogether); ++j)
      if (std::find(sample.set.atoms().begin(), sample.set.atoms().end(), j) == sample.set.atoms().end())
        outside.entries.push_back({0, static_cast<std::uint32_t>(j)});
    weigh(sample, outside.entries.size(), most, scratch);
    violators.insert(violators.end(), scratch.decision.violators.begin(), scratch.decision.violators.end());
    strongest = std::max(strongest, scratch.decision.strongest);
  }
  // Ties keep their order, that of the atoms.
  std::stable_sort(violators.begin(), violators.end(),
                   [](const Violator& a, const Violator& b) { return a.strength > b.strength; });
  if (violators.size() > most) violators.resize(most);
  scratch.decision = {std::move(violators), strongest, true};
}

/// Decides by what was listed, where float32's error is of the size of λ: what is not listed may be as strong as can be.
void LassoBatch::decide_as_scored(const Sample& sample, Workspace& scratch) const {
  weigh(sample, scratch.outside.entries.size(), most_chosen(sample), scratch);
  scratch.decision.certain = false;
}

/// Lists what may violate from scores that were kept and may be wrong by `error`; the strongest, where that is too much.
void LassoBatch::list_kept(const Sample& sample, LazyCorrelations& lazy, double error,
                           Workspace& scratch) const {
  Outside& outside = scratch.outside;
  outside.error = error;
  outside.full = false;
  outside.entries.clear();
  double floor = std::max(0.0, batch_.lambda(sample.slot) * (1 - scoring::kSlack) - error);
  std::span<const std::uint32_t> atoms;
  if (!lazy.above(floor, kMostListed, atoms)) {
    outside.full = true;
    floor = std::max(floor, lazy.floor_of(kEnough * most_chosen(sample)));
    lazy.above(floor, dictionary_.features(), atoms);
  }
  for (const std::uint32_t j : atoms) outside.entries.push_back({lazy[j], j});
  outside.unlisted = floor + error;
}

/// Brings the scores that were kept up to date with the code, and lists what may violate. False where that takes a pass.
bool LassoBatch::follow(const Sample& sample, LazyCorrelations& lazy, double norm_before,
                        Workspace& scratch) {
  const StageTimer timer(options_.profile.get(), Stage::certify);
  const double lambda = batch_.lambda(sample.slot);
  const double small = kWaitingShare * lambda / static_cast<double>(sample.set.size());
  scratch.support.clear();
  const bool there = lazy.follow(sample.set.atoms(), sample.set.code(), small, most_rows(), scratch.support);
  if (!there) return false;
  // Both residuals were rounded to float32.
  const double error =
      std::max(scorer_.float32_error(norm(sample)),
               lazy.error() + 2 * kRounding * (norm_before + norm(sample)) * dictionary_.max_norm() +
                   scoring::underflow(product::Precision::float32, dictionary_.dims(), 1));
  if (!(error <= kUsefulKept * lambda)) return false;
  list_kept(sample, lazy, error, scratch);
  return true;
}

}  // namespace unsuperpose
