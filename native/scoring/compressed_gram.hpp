// A dictionary's Gram matrix in one byte an entry, with the error that this makes: what Batch-OMP reads a row of for
// every atom it chooses, from a cache where floats would come from memory. Rows are made as they are asked for, and kept: no row is
// paid for twice.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/view.hpp"
#include "../kernels/compressed_rows/compressed_rows.hpp"
#include "rows.hpp"

namespace unsuperpose {

/// Row i is scale(i)·row(i)[j] for the correlations d_i·d_j, j ≠ i; its own place holds 0.
class CompressedGram {
 public:
  static std::size_t stride(std::size_t features) { return round_up(features, compressed_rows::kPadding); }

  /// exact: of float32 products. rough: of cheaper ones, where there are, whose rounding is about as large as that of the bytes.
  enum class Making : std::uint8_t { exact, rough };

  /// Of one row.
  static std::size_t row_bytes(std::size_t features) { return stride(features) + sizeof(Row); }

  /// No row is made yet. What is given must outlive it.
  CompressedGram(ConstMatrix32 atoms, const scoring::Rows& rows, const std::vector<double>& norms);

  /// Is row i made? What follows about a row is for those that are.
  bool has(std::size_t i) const { return row(i) != nullptr; }
  /// Makes those of these rows that are not made yet, in their order and while all rows take no more than `budget` bytes, from any thread.
  /// False if the call was cancelled.
  bool make(std::span<const std::uint32_t> rows, std::size_t budget, const Execution& execution,
            Making making = Making::exact) const;
  /// Has the budget room for all rows?
  bool fits(std::size_t budget) const { return atoms_.rows * row_bytes() <= budget; }
  /// Are all rows made?
  bool complete() const { return count_.load(std::memory_order_relaxed) == atoms_.rows; }
  /// Has the budget room for another row?
  bool room(std::size_t budget) const { return bytes() + row_bytes() <= budget; }
  /// Row i was wanted and was not there; answers how often that has happened, up to 255.
  unsigned missed(std::size_t i) const;
  /// The mean of that over all rows.
  double missed() const;

  /// Of the rows that are made.
  std::size_t bytes() const { return count_.load(std::memory_order_relaxed) * row_bytes(); }
  const std::int8_t* row(std::size_t i) const { return made_[i].load(std::memory_order_acquire); }
  /// Asks for row i, which will be read soon, while other work goes on.
  void prefetch(std::size_t i) const {
    for (std::size_t j = 0; j < stride_; j += kCacheLine) __builtin_prefetch(row(i) + j, 0, 2);
  }
  float scale(std::size_t i) const { return rows_[i].scale; }
  /// ≥ |d_i·d_j − scale(i)·row(i)[j]| for every j ≠ i
  double error(std::size_t i) const { return rows_[i].error; }
  /// ≥ |d_i·d_j| for every j ≠ i; of any row.
  double largest(std::size_t i) const { return has(i) ? rows_[i].largest : norms_[i] * most_ * kRoundedUp; }

 private:
  static constexpr double kRoundedUp = 1 + 0x1.0p-40;
  struct Row {
    float scale;
    double error, largest;
  };
  std::size_t row_bytes() const { return row_bytes(atoms_.rows); }

  const ConstMatrix32 atoms_;
  const scoring::Rows packed_;
  const std::vector<double>& norms_;
  const double most_;  // max ‖d_j‖
  const std::size_t stride_;

  mutable std::mutex mutex_;                               // held while rows are made
  mutable std::vector<AlignedBuffer<std::int8_t>> slabs_;  // of rows, in the order in which they were made
  mutable std::vector<Row> rows_;
  mutable std::vector<std::atomic<const std::int8_t*>> made_;  // null: not made
  mutable std::vector<std::atomic<std::uint8_t>> missed_;
  mutable std::atomic<std::size_t> count_{0};
};

}  // namespace unsuperpose
