#include "scoring.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unsuperpose {

namespace {

using product::Precision;

/// Cheapest first.
constexpr Precision kByCost[] = {Precision::int8, Precision::bfloat16, Precision::int16};
/// A bound above this share of the threshold leaves too much open: the next precision costs less than scoring it again.
constexpr double kUsefulShare = 0.5;
/// For a bound's own rounding, and that of 1/w to float32.
constexpr double kSlack = 0x1.0p-21;

}  // namespace

Scorer::Scorer(const Dictionary& dictionary, const std::vector<float>& weights, bool nonnegative)
    : dictionary_(dictionary), weights_(weights), nonnegative_(nonnegative) {
  if (!weights.empty()) {
    scale_.resize(weights.size());
    largest_scale_ = 0;
    for (std::size_t j = 0; j < weights.size(); ++j) {
      scale_[j] = static_cast<float>(1 / static_cast<double>(weights[j]));
      largest_scale_ = std::max(largest_scale_, 1 / static_cast<double>(weights[j]));
    }
  }
  for (const Precision precision : kByCost) {
    if (!product::rounded_kernels(precision, dictionary.dims())) continue;
    const Rung rung = measure(precision);
    // Useless for every residual: atoms of very different sizes, or entries of very different sizes in an atom.
    if (rung.error < kUsefulShare * rung.norm) ladder_.push_back(rung);
    if (precision == Precision::bfloat16)
      break;  // as cheap as int16, and better where entries differ in size
  }
  ladder_.push_back(measure(Precision::float32));
  selections_.resize(ladder_.size());
}

Scorer::Rung Scorer::measure(Precision precision) const {
  Rung rung{precision, dictionary_.max_norm(), 0};
  const bool rounded = precision != Precision::float32;
  const std::vector<float>* errors = rounded ? &dictionary_.packed(precision).errors() : nullptr;
  if (!weights_.empty()) rung.norm = 0;
  for (std::size_t j = 0; j < dictionary_.features() && (rounded || !weights_.empty()); ++j) {
    const double scale = weights_.empty() ? 1 : 1 / static_cast<double>(weights_[j]);
    if (rounded) rung.error = std::max(rung.error, static_cast<double>((*errors)[j]) * scale);
    if (!weights_.empty()) rung.norm = std::max(rung.norm, dictionary_.norm(j) * scale);
  }
  return rung;
}

double Scorer::error_of(const Rung& rung, double norm, double error) const {
  const double bound =
      product::score_error(rung.precision, dictionary_.dims(), norm, error, rung.norm, rung.error);
  // Strengths are scores divided by weights: so is what underflows.
  return (1 + kSlack) * (bound + kSlack * norm * rung.norm) +
         static_cast<double>(dictionary_.dims()) * product::kRoundedUnderflow * largest_scale_;
}

void Scorer::score(ConstMatrix32 residuals, std::vector<ScoreRequest>& requests, std::size_t capacity,
                   const Execution& execution) {
  found_.assign(requests.size(), {});
  std::vector<std::uint32_t> members, rows;
  std::vector<float> floors;
  for (std::size_t step = 0; step < ladder_.size() && !execution.cancelled(); ++step) {
    const Rung& rung = ladder_[step];
    const bool last = step + 1 == ladder_.size(), rounded = rung.precision != Precision::float32;
    members.clear();
    rows.clear();
    for (std::size_t i = 0; i < requests.size(); ++i)
      if (requests[i].rung == step) {
        members.push_back(static_cast<std::uint32_t>(i));
        rows.push_back(requests[i].row);
      }
    if (members.empty()) continue;
    const auto bound = [&](std::size_t m) {
      return rounded ? error_of(rung, rounded_.norm(m), rounded_.error(m))
                     : error_of(rung, requests[members[m]].norm, 0);
    };
    const auto round = [&] {
      if (rounded)
        rounded_.assign({residuals, rows.data(), rows.size()}, rung.precision, active_isa(), execution);
    };
    round();
    if (execution.cancelled()) return;
    if (!last) {
      // Those whose bound is useless climb; the others close their ranks.
      std::size_t stay = 0;
      for (std::size_t m = 0; m < members.size(); ++m) {
        ScoreRequest& request = requests[members[m]];
        if (!request.rough && !(bound(m) <= kUsefulShare * request.threshold)) {
          ++request.rung;
          continue;
        }
        members[stay] = members[m];
        rows[stay++] = rows[m];
      }
      if (stay == 0) continue;
      if (stay < members.size()) {
        members.resize(stay);
        rows.resize(stay);
        round();
        if (execution.cancelled()) return;
      }
    }
    floors.resize(members.size());
    for (std::size_t m = 0; m < members.size(); ++m) {
      Scored& scored = found_[members[m]];
      scored.error = bound(m);
      const double threshold = requests[members[m]].threshold;
      const double floor = std::max(0.0, threshold * (1 - kSlack) - scored.error);
      floors[m] = std::nextafter(static_cast<float>(floor), 0.0f);
      scored.floor = static_cast<double>(floors[m]) + scored.error;
    }
    product::SelectOptions select;
    select.capacity = std::min(dictionary_.features(), capacity);
    select.floor = floors.data();
    select.positive_only = nonnegative_;
    select.scale = scale_.empty() ? nullptr : scale_.data();
    product::LeftRows left(residuals, rows.data(), rows.size());
    if (rounded) left.rounded = &rounded_;
    product::Selection& selection = selections_[step];
    product::select(left, dictionary_.packed(rung.precision), select, selection, execution);
    if (execution.cancelled()) return;
    for (std::size_t m = 0; m < members.size(); ++m) {
      Scored& scored = found_[members[m]];
      scored.entries = selection.row(m);
      scored.count = selection.count[m];
      scored.full = scored.count == select.capacity && scored.count < dictionary_.features();
    }
  }
}

}  // namespace unsuperpose
