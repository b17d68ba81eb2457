#include "top_k.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "../kernels/reduce/reduce.hpp"
#include "exact.hpp"
#include "exact_products.hpp"

namespace unsuperpose {

namespace {

/// Rows scored together, on the CPU and on a device, and rows of one unit of work.
constexpr std::size_t kBatch = 512, kDeviceBatch = 8192, kBlock = 16;
/// Rows that tell whether a precision is worth its while for all.
constexpr std::size_t kProbed = 64;
/// Entries listed beyond k, for what lies within the error of the k-th: to list one costs far less than to score its row again.
std::size_t spare(std::size_t k) { return k / 2 + 80; }

struct Ranked {
  double strength, value;
  std::uint32_t index;
  bool operator<(const Ranked& other) const {
    return strength > other.strength || (strength == other.strength && index < other.index);
  }
};

/// A score that at least k of these exceed, and not many more: by bisection, whose loops are vectors where a selection by swaps would be
/// branches that nobody can foretell.
float exceeded(const std::vector<float>& scores, std::size_t k) {
  constexpr int kSteps = 24;
  float low = scores[0], high = scores[0];
  for (const float score : scores) {
    low = std::min(low, score);
    high = std::max(high, score);
  }
  low = std::nextafter(low, -std::numeric_limits<float>::infinity());
  for (int step = 0; step < kSteps; ++step) {
    const float middle = low + (high - low) * 0.5f;
    std::uint32_t above = 0;
    for (const float score : scores) above += score > middle ? 1 : 0;
    if (above < k) {
      high = middle;
      continue;
    }
    low = middle;
    if (above == k) break;
  }
  return low;
}

class TopK {
 public:
  TopK(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t k, bool absolute, bool ascending,
       const Execution& execution, std::uint32_t* indices, float* values)
      : rows_(rows),
        dictionary_(dictionary),
        k_(k),
        absolute_(absolute),
        ascending_(ascending),
        execution_(execution),
        indices_(indices),
        values_(values),
        batch_(execution.device ? kDeviceBatch : kBatch),
        scorer_(dictionary.rows(execution.device), no_weights_, !absolute, scoring::Ladder::both) {}

  void run();

 private:
  /// Ranks what the scores of one precision decide; returns the rows that they do not.
  std::vector<std::uint32_t> at(std::size_t rung, const std::vector<std::uint32_t>& rows);
  void in_float64(const std::vector<std::uint32_t>& rows);
  void decide(const std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& requests);
  double worth(std::size_t i, std::vector<double>& strengths) const;
  void rank(std::uint32_t row, std::size_t i, std::vector<Ranked>& ranked);
  void rank_all(const std::vector<std::uint32_t>& rows);
  float strength(const product::Entry& entry) const {
    return absolute_ ? std::fabs(entry.value) : entry.value;
  }

  const ConstMatrix32 rows_;
  const Dictionary& dictionary_;
  const std::size_t k_;
  const bool absolute_, ascending_;
  const Execution& execution_;
  std::uint32_t* indices_;
  float* values_;
  const std::vector<float> no_weights_;
  const std::size_t batch_;
  scoring::Scorer scorer_;
  scoring::ExactPairs first_, rest_;  // candidates: those that score highest, and those that may be as strong
};

/// Keeps the k strongest of the pairs of row number `i`.
void TopK::rank(std::uint32_t row, std::size_t i, std::vector<Ranked>& ranked) {
  ranked.clear();
  for (const scoring::ExactPairs* pairs : {&first_, &rest_})
    for (std::size_t e = pairs->starts[i]; e < pairs->starts[i + 1]; ++e) {
      const double value = pairs->products[e];
      ranked.push_back({absolute_ ? std::fabs(value) : value, value, pairs->atoms[e]});
    }
  const auto end = ranked.begin() + static_cast<std::ptrdiff_t>(k_);
  if (end != ranked.end()) std::nth_element(ranked.begin(), end, ranked.end());
  if (ascending_)
    std::sort(ranked.begin(), end, [](const Ranked& a, const Ranked& b) { return a.index < b.index; });
  else
    std::sort(ranked.begin(), end);
  for (std::size_t c = 0; c < k_; ++c) {
    indices_[row * k_ + c] = ranked[c].index;
    values_[row * k_ + c] = static_cast<float>(ranked[c].value);
  }
}

/// Exactly what the k that score highest are worth at least: no other row may be among the strongest whose score is below that by more
/// than one error, where it would be two if that worth were a score itself.
double TopK::worth(std::size_t i, std::vector<double>& strengths) const {
  strengths.clear();
  for (std::size_t e = first_.starts[i]; e < first_.starts[i + 1]; ++e)
    strengths.push_back(absolute_ ? std::fabs(first_.products[e]) : first_.products[e]);
  if (strengths.size() == k_) return *std::min_element(strengths.begin(), strengths.end());
  const auto kth = strengths.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
  std::nth_element(strengths.begin(), kth, strengths.end(), std::greater<>());
  return *kth;
}

/// Ranks rows by the products of their candidates, those that score highest first; a device multiplies all of them, which costs it less than to be asked
/// twice. Number `i` of `rows` is request requests[i].
void TopK::decide(const std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& requests) {
  first_.clear();
  std::vector<float> scores;
  std::vector<double> strengths;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const scoring::Scored& scored = scorer_[requests[i]];
    if (scored.scan) {
      for (std::size_t e = 0; e < scored.count; ++e) first_.atoms.push_back(scored.entries[e].index);
      first_.end(rows_.row(rows[i]), &scored);
      continue;
    }
    scores.clear();
    for (std::size_t e = 0; e < scored.count; ++e) scores.push_back(strength(scored.entries[e]));
    const float below = exceeded(scores, k_);
    for (std::size_t e = 0; e < scored.count; ++e)
      if (scores[e] > below) first_.atoms.push_back(scored.entries[e].index);
    first_.end(rows_.row(rows[i]));
  }
  first_.multiply(dictionary_, dictionary_.dims(), execution_);
  if (execution_.cancelled()) return;
  rest_.clear();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const scoring::Scored& scored = scorer_[requests[i]];
    if (scored.scan) {  // all are in the first
      rest_.end(rows_.row(rows[i]));
      continue;
    }
    const double floor = worth(i, strengths) - scored.error;
    // Both lists ascend by index where a CPU scored, and are looked through as they are: what is in the first is not in the rest.
    std::size_t taken = first_.starts[i];
    for (std::size_t e = 0; e < scored.count; ++e) {
      if (taken < first_.starts[i + 1] && first_.atoms[taken] == scored.entries[e].index)
        ++taken;
      else if (static_cast<double>(strength(scored.entries[e])) >= floor)
        rest_.atoms.push_back(scored.entries[e].index);
    }
    rest_.end(rows_.row(rows[i]));
  }
  rest_.multiply(dictionary_, dictionary_.dims(), execution_);
  if (!execution_.cancelled()) rank_all(rows);
}

void TopK::rank_all(const std::vector<std::uint32_t>& rows) {
  execution_.for_items(
      rows.size(), kBlock, [] { return std::vector<Ranked>(); },
      [&](std::size_t i, std::vector<Ranked>& ranked) { rank(rows[i], i, ranked); });
}

std::vector<std::uint32_t> TopK::at(std::size_t rung, const std::vector<std::uint32_t>& rows) {
  std::vector<std::uint32_t> left_over, decided, members;
  std::vector<scoring::Request> requests;
  for (std::size_t first = 0; first < rows.size() && !execution_.cancelled(); first += batch_) {
    const std::size_t count = std::min(batch_, rows.size() - first);
    requests.assign(count, {});
    for (std::size_t i = 0; i < count; ++i) {
      requests[i].row = rows[first + i];
      if (rung == scorer_.last_rung())
        requests[i].norm =
            std::sqrt(reduce::table().squared_norm(rows_.row(rows[first + i]), dictionary_.dims()));
    }
    scorer_.contend(rung, rows_, requests, k_, k_ + spare(k_), execution_);
    if (execution_.cancelled()) break;
    decided.clear();
    members.clear();
    for (std::size_t i = 0; i < count; ++i) {
      if (scorer_[i].undecided) {
        left_over.push_back(rows[first + i]);
        continue;
      }
      decided.push_back(rows[first + i]);
      members.push_back(static_cast<std::uint32_t>(i));
    }
    decide(decided, members);
  }
  return left_over;
}

void TopK::in_float64(const std::vector<std::uint32_t>& rows) {
  for (std::size_t first = 0; first < rows.size() && !execution_.cancelled(); first += kBlock) {
    const auto from = rows.begin() + static_cast<std::ptrdiff_t>(first);
    const auto count = static_cast<std::ptrdiff_t>(std::min(kBlock, rows.size() - first));
    const std::vector<std::uint32_t> some(from, from + count);
    first_.clear();
    rest_.clear();
    for (const std::uint32_t row : some) {
      for (std::uint32_t j = 0; j < dictionary_.features(); ++j) first_.atoms.push_back(j);
      first_.end(rows_.row(row));
      rest_.end(rows_.row(row));
    }
    first_.multiply(dictionary_, dictionary_.dims(), execution_);
    if (!execution_.cancelled()) rank_all(some);
  }
}

void TopK::run() {
  std::vector<std::uint32_t> open(rows_.rows);
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = static_cast<std::uint32_t>(i);
  for (std::size_t rung = 0; rung < scorer_.rungs() && !open.empty() && !execution_.cancelled(); ++rung) {
    // A precision that decides few of the first rows would decide few of the others.
    std::vector<std::uint32_t> rest;
    if (rung < scorer_.last_rung() && open.size() > kProbed) {
      rest.assign(open.begin() + kProbed, open.end());
      open.resize(kProbed);
    }
    open = at(rung, open);
    if (!rest.empty() && open.size() <= kProbed / 2) rest = at(rung, rest);
    open.insert(open.end(), rest.begin(), rest.end());
  }
  if (!execution_.cancelled()) in_float64(open);
}

}  // namespace

void top_k(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t k, bool absolute,
           const Execution& execution, std::uint32_t* indices, float* values, bool ascending) {
  TopK(rows, dictionary, k, absolute, ascending, execution, indices, values).run();
}

Status above_in_float64(ConstMatrix32 rows, const Dictionary& dictionary, float threshold, bool absolute,
                        std::size_t limit, const Execution& execution,
                        std::vector<std::vector<product::Entry>>& out) {
  out.assign(rows.rows, {});
  const std::vector<float> no_weights;
  scoring::Scorer scorer(dictionary.rows(execution.device), no_weights, !absolute, scoring::Ladder::finest);
  std::vector<scoring::Request> requests;
  scoring::ExactPairs pairs;
  std::size_t total = 0, next = 0;  // entries; the first row that is not decided
  const auto decide = [&](const scoring::ExactPairs& some) {
    execution.for_items(some.rows.size(), kBlock, [&](std::size_t i) {
      for (std::size_t e = some.starts[i]; e < some.starts[i + 1]; ++e) {
        const auto value = static_cast<float>(some.products[e]);
        if ((absolute ? std::fabs(value) : value) > threshold)
          out[next + i].push_back({value, some.atoms[e]});
      }
    });
    for (std::size_t i = 0; i < some.rows.size(); ++i) total += out[next + i].size();
    next += some.rows.size();
    if (total <= limit) return Status{};
    return Status::fail(Code::too_large,
                        "more than " + std::to_string(limit) + " entries lie above the threshold");
  };
  for (std::size_t first = 0; first < rows.rows; first += kDeviceBatch) {
    requests.assign(std::min(kDeviceBatch, rows.rows - first), {});
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].row = static_cast<std::uint32_t>(first + i);
      requests[i].norm = std::sqrt(reduce::table().squared_norm(rows.row(first + i), dictionary.dims()));
      // What rounds to float32 above the threshold may be half a unit below.
      requests[i].threshold = static_cast<double>(threshold) * (1 - 0x1p-23);
    }
    scorer.above(rows, requests, execution);
    if (execution.cancelled()) return Status::cancelled();
    std::size_t listed = 0;
    const Status status = scoring::multiply_listed(scorer, rows, first, requests.size(), dictionary,
                                                   dictionary.dims(), execution, pairs, listed, decide);
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace unsuperpose
