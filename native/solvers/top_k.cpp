#include "top_k.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {

using product::Precision;

constexpr std::size_t kBatch = 512;
/// Best bound first: int8's leaves so much open that scoring it again costs more than it saves.
constexpr Precision kPrecisions[] = {Precision::bfloat16, Precision::int16};
/// Entries listed beyond k, for what lies within the error of the k-th.
std::size_t spare(std::size_t k) { return k / 2 + 16; }

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
        values_(values) {}

  /// Ranks what the scores of one precision decide; returns the rows that they do not.
  std::vector<std::uint32_t> with(Precision precision, const std::vector<std::uint32_t>& rows);
  void in_float64(const std::vector<std::uint32_t>& rows);

 private:
  struct Scratch {
    std::vector<std::uint32_t> atoms;  // the candidates
    std::vector<const float*> rows;
    std::vector<double> products;
    std::vector<Ranked> ranked;
  };
  void rank(std::uint32_t row, Scratch& scratch);

  const ConstMatrix32 rows_;
  const Dictionary& dictionary_;
  const std::size_t k_;
  const bool absolute_;
  const Execution& execution_;
  std::uint32_t* indices_;
  float* values_;
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

std::vector<std::uint32_t> TopK::with(Precision precision, const std::vector<std::uint32_t>& rows) {
  const bool rounded = precision != Precision::float32;
  const product::PackedRows& packed = dictionary_.packed(precision);
  double moved = 0;
  for (const float error : packed.errors()) moved = std::max(moved, static_cast<double>(error));
  product::SelectOptions select;
  select.capacity = std::min(dictionary_.features(), k_ + spare(k_));
  select.positive_only = !absolute_;
  product::RoundedRows rounding;
  product::Selection scores;
  std::vector<std::uint8_t> open(rows.size(), 0);
  for (std::size_t first = 0; first < rows.size() && !execution_.cancelled(); first += kBatch) {
    const std::size_t count = std::min(kBatch, rows.size() - first);
    product::LeftRows left(rows_, rows.data() + first, count);
    if (rounded) {
      rounding.assign(left, precision, packed.isa(), execution_);
      left.rounded = &rounding;
    }
    product::select(left, packed, select, scores, execution_);
    if (execution_.cancelled()) break;
    constexpr std::size_t kBlock = 16;
    execution_.for_each((count + kBlock - 1) / kBlock, [&](std::size_t block) {
      Scratch scratch;
      for (std::size_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i) {
        const std::uint32_t row = rows[first + i];
        const double norm = rounded
                                ? rounding.norm(i)
                                : std::sqrt(reduce::table().squared_norm(rows_.row(row), dictionary_.dims()));
        const double error =
            product::score_error(precision, dictionary_.dims(), norm, rounded ? rounding.error(i) : 0,
                                 dictionary_.max_norm(), moved);
        const product::Entry* entries = scores.row(i);
        const std::size_t found = scores.count[i];
        const auto strength = [&](std::size_t e) {
          const double value = entries[e].value;
          return absolute_ ? std::fabs(value) : value;
        };
        // The k-th strongest of all is at least the k-th listed less the error: what is further below is out.
        const double floor = found < k_ ? 0 : strength(k_ - 1) - 2 * error;
        const bool complete = found == dictionary_.features();
        if (found < k_ || !std::isfinite(floor) || !std::isfinite(strength(0)) ||
            !(complete || strength(found - 1) < floor)) {
          open[first + i] = 1;
          continue;
        }
        std::size_t count_open = 0;
        while (count_open < found && strength(count_open) >= floor) ++count_open;
        scratch.atoms.resize(count_open);
        for (std::size_t e = 0; e < count_open; ++e) scratch.atoms[e] = entries[e].index;
        rank(row, scratch);
      }
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

}  // namespace

void top_k(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t k, bool absolute,
           const Execution& execution, std::uint32_t* indices, float* values) {
  TopK top(rows, dictionary, k, absolute, execution, indices, values);
  std::vector<std::uint32_t> open(rows.rows);
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = static_cast<std::uint32_t>(i);
  for (const Precision precision : kPrecisions) {
    if (!product::rounded_kernels(precision, dictionary.dims())) continue;
    open = top.with(precision, open);
    break;
  }
  if (!open.empty() && !execution.cancelled()) open = top.with(Precision::float32, open);
  if (!execution.cancelled()) top.in_float64(open);
}

}  // namespace unsuperpose
