// All pairs of two sets of features: v_ji = l_j · r_i, rows l_j of the `to` features and r_i of the `from` features
// (pair_side.hpp). The features × features values are never stored: every pair is scored in the cheapest precision whose
// error bound still tells it from the threshold (kernels/product/precision.hpp), and what the bound leaves open is computed in
// float64. Answers are therefore those of float64 over all pairs, which error() bounds the error of.
#pragma once
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "../core/execution.hpp"
#include "../core/index.hpp"
#include "../core/status.hpp"
#include "../scoring/scorer.hpp"
#include "pair_side.hpp"

namespace unsuperpose {

struct Pair {
  std::uint32_t from, to;
  double value;
};

/// What a scan found of one row.
struct PairFound {
  std::uint32_t index;
  double value;
};

/// The rows of one side against all of the other.
class PairScan {
 public:
  /// Rows are best handed over by so many at a time.
  static constexpr std::size_t kBatch = 256;
  static std::size_t batch(const Execution& execution) {
    return execution.device ? std::size_t{16384} : kBatch;
  }

  /// `distinct`: both sides are the same features, and a feature's pair with itself does not count.
  PairScan(const PairSide& left, const PairSide& right, bool distinct, const Execution& execution);

  /// found[i]: the right features with |value| > thresholds[i] ≥ 0 for left row rows[i], ascending by index. Nothing is valid if
  /// the call was cancelled.
  void above(std::span<const std::uint32_t> rows, const double* thresholds,
             std::vector<std::vector<PairFound>>& found);

  /// found[i]: some strong pairs of row rows[i], `capacity` > k a bucket at most; decided[i] is whether the k strongest of all are
  /// among them.
  void some(std::span<const std::uint32_t> rows, std::size_t k, std::size_t capacity,
            std::vector<std::vector<PairFound>>& found, std::vector<std::uint8_t>& decided);

 private:
  struct Scratch;
  /// What the scorer has to know of the left rows `members` of `rows`, against a bucket.
  void ask(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> members,
           const double* thresholds, const PairBucket& bucket);
  void evaluate(std::uint32_t row, Scratch& scratch, double threshold, std::vector<PairFound>& out) const;

  const PairSide& left_;
  const PairSide& right_;
  const bool distinct_;
  const Execution& execution_;
  const std::vector<float> no_weights_;
  std::deque<scoring::Scorer> scorers_;  // one a bucket of the right side
  std::vector<scoring::Request> requests_;
};

class FeaturePairs {
 public:
  using Side = std::shared_ptr<const PairSide>;
  FeaturePairs(Side from, Side to)
      : from_side_(std::move(from)),
        to_side_(std::move(to)),
        exponent_(from_side_->exponent() + to_side_->exponent()) {}
  /// The pairs of different features of one side.
  explicit FeaturePairs(Side both)
      : from_side_(both), to_side_(std::move(both)), distinct_(true), exponent_(2 * to_side_->exponent()) {}

  const PairSide& from() const { return *from_side_; }
  const PairSide& to() const { return *to_side_; }

  /// Of any value.
  double error() const { return full_bound(error_between(to(), from())); }
  /// A bound of the sides' own sizes (PairSide::exponent()) as one of values, and a value likewise.
  double full_bound(double bound) const;
  double full_value(double value) const { return exponent_ == 0 ? value : std::ldexp(value, exponent_); }

  /// All pairs with |v| > threshold ≥ 0, ascending by from, then to. `uncertain` counts the pairs whose float64 value is within
  /// rounding of the threshold, and those of rows so faint that float32 cannot hold them beside the others. ERR_TOO_LARGE once there are more than `limit`.
  Status above(double threshold, std::size_t limit, const Execution& execution, std::vector<Pair>& out,
               std::size_t& uncertain) const;

  /// The k strongest pairs by |v|, strongest first, ties by lower from, then to; fewer if fewer are not zero.
  Status strongest(std::size_t k, const Execution& execution, std::vector<Pair>& out) const;

  /// For each `to` feature (or `from` feature) its k strongest pairs: the partners, strongest first, ties by the lower index, kNone
  /// where there are no more that are not zero; and the values. Both features × k.
  Status strongest_of_each(bool of_to, std::size_t k, const Execution& execution,
                           std::vector<std::uint32_t>& partners, std::vector<double>& values) const;

  /// The same, given out a feature at a time, in ascending order, without those whose row is zero: a few million pairs are held at most.
  using Strongest = std::function<void(std::uint32_t row, std::span<const PairFound> pairs)>;
  Status for_each_strongest(bool of_to, std::size_t k, const Execution& execution,
                            const Strongest& each) const;

  /// counts[b] of |v| in [b·top/bins, (b+1)·top/bins), the last bin with everything above it. Counts are those of float64.
  Status histogram(double top, std::size_t bins, const Execution& execution,
                   std::vector<double>& counts) const;

  /// sums[j] = Σ_i |v_ji|, in float64 over float32 products, and upper[j], which no exact sum exceeds.
  Status absolute_sums(const Execution& execution, std::vector<double>& sums,
                       std::vector<double>& upper) const;

  /// Calls each(pairs) with the pairs of |v| > threshold ≥ 0 of some rows after the other, ascending by from, then to, until it
  /// answers false.
  Status for_each_above(double threshold, const Execution& execution,
                        const std::function<bool(std::span<const Pair>)>& each) const;

 private:
  /// for_each_above() in the sides' own sizes.
  Status scan_above(double threshold, const Execution& execution,
                    const std::function<bool(std::span<const Pair>)>& each) const;
  /// Pairs of a faint row that may exceed the threshold, in the sides' own sizes.
  std::size_t faint_pairs(double threshold) const;
  static double error_between(const PairSide& left, const PairSide& right);
  double error_of(std::uint32_t from, std::uint32_t to) const;

  Side from_side_, to_side_;
  bool distinct_ = false;
  int exponent_ = 0;
};

/// The value of one pair in float64, in the sides' own sizes.
double pair_value(const PairSide& left, std::uint32_t j, const PairSide& right, std::uint32_t i);

/// Bound of a value's error for rows of these norms, errors and low parts.
double pair_error(std::size_t dims, double left_norm, double left_error, double left_low, double right_norm,
                  double right_error, double right_low);

}  // namespace unsuperpose
