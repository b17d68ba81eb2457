#include "screening.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"

namespace unsuperpose {

namespace {

/// Rounding of 1/w, of v to its high part, and of the floor, relative to a score.
constexpr double kScoreRounding = 0x1.0p-20;
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

SplitVectors::SplitVectors(std::size_t count_, std::size_t dims_)
    : count(count_),
      dims(dims_),
      stride(round_up(dims_, kCacheLine / sizeof(float))),
      high_(AlignedBuffer<float>::zeros(count_ * stride)),
      low_(AlignedBuffer<float>::zeros(count_ * stride)) {}

void SplitVectors::set(std::size_t i, const std::vector<double>& v) {
  float* high = high_.data() + i * stride;
  float* low = low_.data() + i * stride;
  for (std::size_t k = 0; k < dims; ++k) {
    high[k] = static_cast<float>(v[k]);
    low[k] = static_cast<float>(v[k] - high[k]);
  }
}

Screening::Screening(const Dictionary& dictionary, const std::vector<float>& weights, bool nonnegative)
    : dictionary_(dictionary),
      weights_(weights),
      nonnegative_(nonnegative),
      largest_norm_(dictionary.max_norm()) {
  double smallest = 1;
  if (!weights.empty()) {
    scale_.resize(weights.size());
    smallest = std::numeric_limits<double>::infinity();
    largest_norm_ = 0;
    for (std::size_t j = 0; j < weights.size(); ++j) {
      const double w = weights[j];
      scale_[j] = static_cast<float>(1 / w);
      smallest = std::min(smallest, w);
      largest_norm_ = std::max(largest_norm_, dictionary.norm(j) / w);
    }
  }
  underflow_ = static_cast<double>(dictionary.dims()) * 0x1.0p-149 / smallest;
}

/// A computed strength is off by at most this.
double Screening::error(const Question& question) const {
  return (product::error_bound(dictionary_.dims()) + kScoreRounding) * largest_norm_ * question.norm +
         question.threshold * kScoreRounding + underflow_;
}

void Screening::score(const SplitVectors& vectors, const std::vector<Question>& questions, std::size_t room,
                      const Execution& execution) {
  slots_.resize(questions.size());
  floors_.resize(questions.size());
  std::size_t most = 0;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    slots_[i] = questions[i].slot;
    const double floor = std::max(0.0, questions[i].floor - error(questions[i]));
    floors_[i] = std::nextafter(static_cast<float>(floor), 0.0f);
    most = std::max(most, questions[i].candidates);
  }
  product::SelectOptions select;
  select.capacity = std::min(dictionary_.features(), most + room);
  select.floor = floors_.data();
  select.positive_only = nonnegative_;
  select.scale = scale_.empty() ? nullptr : scale_.data();
  product::select({vectors.all(), slots_.data(), slots_.size()}, dictionary_.packed(), select, scores_,
                  execution);
}

void Screening::examine(std::size_t position, const SplitVectors& vectors, const Question& question,
                        const Candidates& candidates, Answer& answer) const {
  const product::Entry* entries = scores_.row(position);
  const std::size_t found = scores_.count[position], dims = dictionary_.dims();
  const double doubt = error(question);
  const auto scored = [&](const product::Entry& entry) { return strength(entry.value, weight(entry.index)); };

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
    if (mark[entries[k].index]) continue;
    if (scored(entries[k]) > question.threshold + doubt) {
      if (answer.violators.empty()) strongest_score = scored(entries[k]);
      answer.violators.push_back(entries[k].index);
    } else if (scored(entries[k]) >= question.threshold - doubt) {
      doubtful.push_back(entries[k]);
    } else {
      answer.runners_up.push_back(entries[k].index);
    }
  }
  for (std::uint32_t j : candidates.atoms()) mark[j] = 0;
  if (!answer.violators.empty()) {
    answer.strongest = std::max(answer.strongest, strongest_score + doubt);
    return;
  }

  // Too close to call in float32.
  const auto& dots = dots::table();
  for (const product::Entry& entry : doubtful) {
    const float* atom = dictionary_.atom(entry.index);
    const double w = weight(entry.index), high = dots.dot(atom, vectors.high(question.slot), dims);
    const double exact = strength(high + dots.dot(atom, vectors.low(question.slot), dims), w);
    const double hidden = (kHidden * question.norm + question.noise) * dictionary_.norm(entry.index) / w;
    if (exact > question.threshold * (1 + kExcess) + hidden) answer.violators.push_back(entry.index);
    answer.strongest = std::max(answer.strongest, exact);
  }
  // What was not listed is below the floor, or below the weakest of a full list.
  if (found == scores_.capacity && found < dictionary_.features())
    answer.strongest = std::max(answer.strongest, scored(entries[found - 1]) + doubt);
  else if (question.threshold <= doubt)
    answer.strongest = std::max(answer.strongest, question.threshold + doubt);
}

/// Those of lasso's working sets: a number that grows with the dims covers most supports that ℓ1 can recover.
std::size_t first_candidates(std::size_t dims) { return std::clamp<std::size_t>(dims / 18, 16, 96); }
std::size_t later_candidates(std::size_t dims, std::size_t size) {
  return std::max(2 * first_candidates(dims), size);
}

}  // namespace unsuperpose
