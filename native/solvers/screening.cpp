#include "screening.hpp"

#include <algorithm>
#include <cmath>

#include "../scoring/exact.hpp"

namespace unsuperpose {

namespace {

/// An atom violates a threshold if it passes it by more than this share, and by more than what the split vectors
/// can hide: duplicates of active atoms are at the threshold, to float64 rounding.
constexpr double kExcess = 1e-10, kHidden = 1e-13;

struct Marks {
  std::vector<std::uint8_t> of;
};

Marks& marks(std::size_t features) {
  thread_local Marks scratch;
  if (scratch.of.size() < features) scratch.of.resize(features, 0);
  return scratch;
}

}  // namespace

Screening::Screening(const Dictionary& dictionary, const std::vector<float>& weights, bool nonnegative,
                     bool wide)
    : dictionary_(dictionary),
      low_(wide && dictionary.split()),
      scorer_(dictionary.rows(low_), weights, nonnegative, scoring::Ladder::float32) {}

double Screening::product(std::uint32_t j, const scoring::SplitVectors& vectors, std::uint32_t slot) const {
  const std::size_t dims = dictionary_.dims();
  const float *high = vectors.high(slot), *low = vectors.low(slot);
  const double of_high = scoring::split_product(dictionary_.atom(j), high, low, dims);
  return low_ ? of_high + scoring::split_product(dictionary_.low(j), high, low, dims) : of_high;
}

void Screening::score(const scoring::SplitVectors& vectors, const std::vector<Question>& questions,
                      std::size_t room, const Execution& execution) {
  requests_.resize(questions.size());
  std::size_t most = 0;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    // The high part of v stands for v, and the threshold is compared in float32.
    const double besides =
        scoring::kSlack * (questions[i].norm * scorer_.largest() + 2 * questions[i].threshold);
    requests_[i] = {.row = questions[i].slot,
                    .norm = questions[i].norm,
                    .threshold = questions[i].floor,
                    .besides = besides};
    most = std::max(most, questions[i].candidates);
  }
  scorer_.score(vectors.highs(), requests_, most + room, execution);
}

void Screening::examine(std::size_t position, const scoring::SplitVectors& vectors, const Question& question,
                        const Candidates& candidates, Answer& answer) const {
  const scoring::Scored& scored = scorer_[position];
  const std::size_t found = scored.count;

  std::vector<product::Entry> doubtful;
  doubtful.reserve(found);
  answer.violators.clear();
  answer.runners_up.clear();
  answer.runners_up.reserve(found);
  answer.violators.reserve(found);
  answer.strongest = question.threshold;
  double strongest_score = 0;
  std::vector<std::uint8_t>& mark = marks(dictionary_.features()).of;  // all zero between uses
  for (std::uint32_t j : candidates.atoms()) mark[j] = 1;
  for (std::size_t k = 0; k < found; ++k) {
    const product::Entry& entry = scored.entries[k];
    if (mark[entry.index]) continue;
    const double strength = scorer_.strength(entry);
    if (strength > question.threshold + scored.error) {
      if (answer.violators.empty()) strongest_score = strength;
      answer.violators.push_back(entry.index);
    } else if (strength >= question.threshold - scored.error) {
      doubtful.push_back(entry);
    } else {
      answer.runners_up.push_back(entry.index);
    }
  }
  for (std::uint32_t j : candidates.atoms()) mark[j] = 0;
  if (!answer.violators.empty()) {
    answer.strongest = std::max(answer.strongest, strongest_score + scored.error);
    return;
  }

  // Too close to call in float32.
  for (const product::Entry& entry : doubtful) {
    const double exact = exact_strength(entry.index, vectors, question);
    if (violates(entry.index, exact, question)) answer.violators.push_back(entry.index);
    answer.strongest = std::max(answer.strongest, exact);
  }
  answer.open = scored.unlisted > answer.strongest;
  if (answer.open) answer.strongest = scored.unlisted;
}

double Screening::exact_strength(std::uint32_t j, const scoring::SplitVectors& vectors,
                                 const Question& question) const {
  return strength(product(j, vectors, question.slot), weight(j));
}

bool Screening::violates(std::uint32_t j, double exact, const Question& question) const {
  const double hidden = (kHidden * question.norm + question.noise) * dictionary_.norm(j) / weight(j);
  return exact > question.threshold * (1 + kExcess) + hidden;
}

void Screening::decide(const scoring::SplitVectors& vectors, const Question& question,
                       const Candidates& candidates, Answer& answer) const {
  const std::size_t features = dictionary_.features();
  std::vector<std::pair<double, std::uint32_t>> violators;
  std::vector<std::uint8_t> inside(features, 0);
  for (std::uint32_t j : candidates.atoms()) inside[j] = 1;
  answer = {};
  answer.strongest = question.threshold;
  for (std::uint32_t j = 0; j < features; ++j) {
    if (inside[j]) continue;
    const double exact = exact_strength(j, vectors, question);
    if (violates(j, exact, question)) violators.emplace_back(-exact, j);
    answer.strongest = std::max(answer.strongest, exact);
  }
  std::sort(violators.begin(), violators.end());
  for (const auto& [negative, j] : violators) answer.violators.push_back(j);
}

/// Those of lasso's working sets: a number that grows with the dims covers most supports that ℓ1 can recover.
std::size_t first_candidates(std::size_t dims) { return std::clamp<std::size_t>(dims / 18, 16, 96); }
std::size_t later_candidates(std::size_t dims, std::size_t size) {
  return std::max(2 * first_candidates(dims), size);
}

}  // namespace unsuperpose
