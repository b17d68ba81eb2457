// The selecting product: scores = left · rightᵀ, keeping only what matters.
//
// left   samples × dims, row-major float32, rows gathered by index or taken in order
// right  features × dims, packed once (PackedRows): panels of `panel` features, dims-major inside a
//        panel, so the micro-kernel streams it with aligned loads
//
// The epilogue runs on each tile while it is in registers or L1; only `store` writes the full matrix.
//
// Accuracy: in float32 every score is one chain of fused multiply-adds over dims in ascending order (a fixed number
// of chains at the scalar level), so |computed − exact| ≤ error_bound(dims)·‖left row‖·‖right row‖. Both sides
// may also be rounded to a cheaper precision, with an error bound of its own: see precision.hpp and score_error().
// Results do not depend on threads, on the other rows in the batch, or on how a batch is cut.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "../../core/aligned.hpp"
#include "../../core/execution.hpp"
#include "../../core/status.hpp"
#include "../../core/view.hpp"
#include "../isa.hpp"
#include "precision.hpp"

namespace unsuperpose::product {

/// γ_n = n·u/(1 − n·u), u = 2⁻²⁴ (Higham, Accuracy and Stability, eq. 3.5): bound of a float32 dot
/// product of n terms, in any order of summation, relative to Σ|a_i b_i| ≤ ‖a‖‖b‖.
/// Underflow adds at most n·2⁻¹⁴⁹, which callers that need rigour below 1e-30 add themselves.
inline double error_bound(std::size_t n) {
  const double nu = static_cast<double>(n) * 0x1.0p-24;
  return nu < 0.5 ? nu / (1 - nu) : std::numeric_limits<double>::infinity();
}

/// The right-hand side, packed for the active level. Owns its copy; the source may go away.
class PackedRows {
 public:
  PackedRows() = default;
  /// Packs `rows` (features × dims) for `isa`; throws std::bad_alloc. A `precision` other than float32 must have
  /// rounded_kernels() for these dims.
  explicit PackedRows(ConstMatrix32 rows, Isa isa = active_isa(), Precision precision = Precision::float32);

  /// Packs row j again, as if all had been packed with it. Different rows may be set by different threads.
  void set_row(std::size_t j, const float* row);
  /// Entry d of every row again (values: one a row), as if all had been packed with them; in float32 only. Different entries may
  /// be set by different threads.
  void set_entry(std::size_t d, const float* values);
  /// Drops rows at the end, or adds rows, which must be set before they are read; throws std::bad_alloc. What is there
  /// stays, and is moved only where the panels' memory does not suffice.
  void resize(std::size_t rows);

  std::size_t rows() const { return rows_; }
  std::size_t dims() const { return dims_; }
  Isa isa() const { return isa_; }
  Precision precision() const { return precision_; }
  std::size_t bytes() const { return data_.bytes() + scales_.bytes() + errors_.size() * sizeof(float); }
  std::size_t panel() const { return panel_; }  // features in a panel
  /// 32-bit words in a row: dims in float32
  std::size_t words() const { return words_; }
  const std::uint32_t* data() const { return data_.data(); }

  /// What rounding cost: scales padded to whole panels, and ‖d_j − d̂_j‖ (an upper bound); only where it is rounded.
  const float* scales() const { return scales_.data(); }
  const std::vector<float>& errors() const { return errors_; }

 private:
  std::size_t padded(std::size_t rows) const { return (rows + panel_ - 1) / panel_ * panel_; }
  std::uint32_t* place(std::size_t j) const {
    return data_.data() + j / panel_ * panel_ * words_ + j % panel_;
  }
  /// `scratch` has room for a row's words; unused in float32.
  void pack(std::size_t j, const float* row, std::uint32_t* scratch);
  void clear(std::size_t j);

  AlignedBuffer<std::uint32_t> data_;
  AlignedBuffer<float> scales_;
  std::vector<float> errors_;
  std::size_t rows_ = 0, dims_ = 0, panel_ = 0, words_ = 0;
  Isa isa_ = Isa::scalar;
  Precision precision_ = Precision::float32;
};

/// Bound of |score − exact| for a left row of these norms (RoundedRows) against a right row of norm ≤ `norm` that
/// rounding moved by ≤ `error`.
double score_error(Precision precision, std::size_t dims, double left_norm, double left_error, double norm,
                   double error);

/// The left-hand side: `count` rows of `matrix`, at `pick[i]` or at i where pick is null.
struct LeftRows {
  ConstMatrix32 matrix;
  const std::uint32_t* pick = nullptr;
  std::size_t count = 0;
  /// The same rows rounded, in the order of the call: what a rounded right-hand side needs.
  const RoundedRows* rounded = nullptr;

  LeftRows(ConstMatrix32 matrix_) : matrix(matrix_), count(matrix_.rows) {}
  LeftRows(ConstMatrix32 matrix_, const std::uint32_t* pick_, std::size_t count_)
      : matrix(matrix_), pick(pick_), count(count_) {}
  const float* row(std::size_t i) const { return matrix.row(pick ? pick[i] : i); }
};

/// One score that was kept: the raw product, and the feature it belongs to.
struct Entry {
  float value;
  std::uint32_t index;
};

struct SelectOptions {
  /// At most this many entries a row: the strongest.
  std::size_t capacity = 1;
  /// Only entries with strength > floor[i] for row i (count entries), or any strength where null.
  /// A score that is NaN is never kept.
  const float* floor = nullptr;
  /// strength = |score|·scale, or score·scale with positive_only (then negative scores have negative
  /// strength, and lose against any floor ≥ 0).
  bool positive_only = false;
  /// One positive factor a feature, or null for 1.
  const float* scale = nullptr;
};

/// What select found, row by row: strongest first, ties by lower index.
struct Selection {
  std::vector<Entry> entries;        // row i: entries[i·capacity … i·capacity + count[i])
  std::vector<std::uint32_t> count;  // one a row
  std::size_t capacity = 0;
  const Entry* row(std::size_t i) const { return entries.data() + i * capacity; }
};

/// out[i, j] = left_i · right_j. out is count × right.rows().
void store(const LeftRows& left, const PackedRows& right, Matrix32 out, const Execution& execution);

/// The strongest entries of each row. Exact with respect to the computed float32 scores.
void select(const LeftRows& left, const PackedRows& right, const SelectOptions& options, Selection& out,
            const Execution& execution);

struct ContenderOptions {
  /// Of how many strongest, ≥ 1.
  std::size_t wanted = 1;
  /// For row i, what two strengths may be wrong by together (finite, ≥ 0).
  const float* margins = nullptr;
  /// At most this many contenders a row, ≥ wanted.
  std::size_t capacity = 1;
  bool positive_only = false;
  const float* scale = nullptr;
};

/// What contenders() found, row by row, ascending by index.
struct Contenders {
  std::vector<Entry> entries;        // row i: entries[i·capacity … i·capacity + count[i])
  std::vector<std::uint32_t> count;  // one a row
  std::vector<std::uint8_t> fits;    // 0: there were more than the capacity, and none is listed
  std::size_t capacity = 0;
  const Entry* row(std::size_t i) const { return entries.data() + i * capacity; }
};

/// The entries of each row that may be among its `wanted` strongest: all that are weaker than the wanted-th by no more than the margin, few
/// that are weaker than the one after it by more. A score that is NaN is in no list. A row may be given up although its contenders would fit
/// in the end, where many of the first ones were too close together; whether it is may depend on the number of threads.
void contenders(const LeftRows& left, const PackedRows& right, const ContenderOptions& options,
                Contenders& out, const Execution& execution);

/// Every entry with strength > floor, in each row by ascending index; no capacity. `rows[i]` are the
/// entries of row i. Answers ERR_TOO_LARGE once more than `limit` entries in all were found.
Status above(const LeftRows& left, const PackedRows& right, const SelectOptions& options, std::size_t limit,
             std::vector<std::vector<Entry>>& rows, const Execution& execution);

/// strongest[i] = max_j strength of row i (−∞ for no features; positive_only and scale as in select,
/// floor and capacity unused).
void max(const LeftRows& left, const PackedRows& right, const SelectOptions& options, float* strongest,
         const Execution& execution);

}  // namespace unsuperpose::product
