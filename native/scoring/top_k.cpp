#include "top_k.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "../kernels/reduce/reduce.hpp"
#include "exact.hpp"

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

class TopK {
 public:
  TopK(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t k, bool absolute,
       const Execution& execution, std::uint32_t* indices, float* values)
      : rows_(rows),
        dictionary_(dictionary),
        k_(k),
        absolute_(absolute),
        execution_(execution),
        indices_(indices),
        values_(values),
        batch_(execution.device ? kDeviceBatch : kBatch),
        scorer_(dictionary.rows(execution.device), no_weights_, !absolute, scoring::Ladder::both) {}

  void run();

 private:
  struct Scratch {
    std::vector<std::uint32_t> atoms;  // the candidates
    std::vector<const float*> rows;
    std::vector<double> products;
    std::vector<Ranked> ranked;
  };
  /// Ranks what the scores of one precision decide; returns the rows that they do not.
  std::vector<std::uint32_t> at(std::size_t rung, const std::vector<std::uint32_t>& rows);
  void in_float64(const std::vector<std::uint32_t>& rows);
  void rank(std::uint32_t row, Scratch& scratch);

  const ConstMatrix32 rows_;
  const Dictionary& dictionary_;
  const std::size_t k_;
  const bool absolute_;
  const Execution& execution_;
  std::uint32_t* indices_;
  float* values_;
  const std::vector<float> no_weights_;
  const std::size_t batch_;
  scoring::Scorer scorer_;
};

/// Scores the candidates in float64 and keeps the k strongest.
void TopK::rank(std::uint32_t row, Scratch& scratch) {
  const std::size_t count = scratch.atoms.size();
  scratch.rows.resize(count);
  scratch.products.resize(count);
  scratch.ranked.resize(count);
  for (std::size_t c = 0; c < count; ++c) scratch.rows[c] = dictionary_.atom(scratch.atoms[c]);
  dots::table().correlate(scratch.rows.data(), count, rows_.row(row), dictionary_.dims(),
                          scratch.products.data());
  for (std::size_t c = 0; c < count; ++c) {
    const double value = scratch.products[c];
    scratch.ranked[c] = {absolute_ ? std::fabs(value) : value, value, scratch.atoms[c]};
  }
  std::partial_sort(scratch.ranked.begin(), scratch.ranked.begin() + static_cast<std::ptrdiff_t>(k_),
                    scratch.ranked.end());
  for (std::size_t i = 0; i < k_; ++i) {
    indices_[row * k_ + i] = scratch.ranked[i].index;
    values_[row * k_ + i] = static_cast<float>(scratch.ranked[i].value);
  }
}

std::vector<std::uint32_t> TopK::at(std::size_t rung, const std::vector<std::uint32_t>& rows) {
  std::vector<std::uint8_t> open(rows.size(), 0);
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
    scorer_.list(rung, rows_, requests, k_ + spare(k_), execution_);
    if (execution_.cancelled()) break;
    execution_.for_items(
        count, kBlock, [] { return Scratch(); },
        [&](std::size_t i, Scratch& scratch) {
          const scoring::Scored& scored = scorer_[i];
          const scoring::Contenders found = scoring::contenders(scorer_, scored, dictionary_.features(), k_);
          if (!found.decided) {
            open[first + i] = 1;
            return;
          }
          scratch.atoms.resize(found.count);
          for (std::size_t e = 0; e < found.count; ++e) scratch.atoms[e] = scored.entries[e].index;
          rank(rows[first + i], scratch);
        });
  }
  std::vector<std::uint32_t> left_over;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (open[i]) left_over.push_back(rows[i]);
  return left_over;
}

void TopK::in_float64(const std::vector<std::uint32_t>& rows) {
  execution_.for_each(rows.size(), [&](std::size_t i) {
    Scratch scratch;
    scratch.atoms.resize(dictionary_.features());
    for (std::size_t j = 0; j < scratch.atoms.size(); ++j) scratch.atoms[j] = static_cast<std::uint32_t>(j);
    rank(rows[i], scratch);
  });
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
           const Execution& execution, std::uint32_t* indices, float* values) {
  TopK(rows, dictionary, k, absolute, execution, indices, values).run();
}

Status above_in_float64(ConstMatrix32 rows, const Dictionary& dictionary, float threshold, bool absolute,
                        std::size_t limit, const Execution& execution,
                        std::vector<std::vector<product::Entry>>& out) {
  out.assign(rows.rows, {});
  const std::vector<float> no_weights;
  scoring::Scorer scorer(dictionary.rows(execution.device), no_weights, !absolute, scoring::Ladder::finest);
  std::vector<scoring::Request> requests;
  std::size_t total = 0;
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
    execution.for_items(requests.size(), kBlock, [&](std::size_t i) {
      const scoring::Scored& scored = scorer[i];
      const std::size_t count = scored.undecided ? dictionary.features() : scored.count;
      for (std::size_t e = 0; e < count; ++e) {
        const auto j = scored.undecided ? static_cast<std::uint32_t>(e) : scored.entries[e].index;
        const double exact = dots::table().dot(dictionary.atom(j), rows.row(first + i), dictionary.dims());
        const auto value = static_cast<float>(exact);
        if ((absolute ? std::fabs(value) : value) > threshold) out[first + i].push_back({value, j});
      }
    });
    for (std::size_t i = 0; i < requests.size(); ++i) total += out[first + i].size();
    if (total > limit)
      return Status::fail(Code::too_large,
                          "more than " + std::to_string(limit) + " entries lie above the threshold");
  }
  return {};
}

}  // namespace unsuperpose
