// Scores of all rows against a batch of vectors: the one place where rows are scored, and the one seam to devices.
//
// A score is computed in the cheapest precision whose error bound still tells what matters (kernels/product/precision.hpp).
// Where the bound is too wide the vector climbs to the next precision of the ladder, last to float32. A strength, |d_j·v|/w_j
// or d_j·v/w_j, may be wrong by the error that comes with it, never by more; what that leaves open is decided in
// float64 (exact.hpp). Rows that have a copy on a device are scored there, in its precisions; only float32 is the CPU's.
#pragma once
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../kernels/product/product.hpp"
#include "bound.hpp"
#include "device_rows.hpp"
#include "rows.hpp"

namespace unsuperpose::scoring {

/// One vector to be scored.
struct Request {
  std::uint32_t row = 0;  // of the vectors
  double norm = 0;        // its norm, or a little more
  double threshold = 0;   // the strength that decides
  std::uint8_t rung = 0;  // in: where to start on the ladder; out: where it was scored
  bool rough = false;     // is any (for above(): any finite) error bound good enough?
  double hidden = 0;      // ‖vector − what is scored of it‖, at most
  double besides = 0;     // added to its error: what the caller's own notion of a strength is off
};

/// What a scoring found of one vector.
struct Scored {
  const product::Entry* entries = nullptr;  // strength = |value|/w_j, or value/w_j when nonnegative
  std::size_t count = 0;
  bool full = false;       // more may have passed the floor: none stronger than the last
  double error = 0;        // of every strength, listed or not
  double unlisted = 0;     // what is not listed has at most this strength, error included
  bool undecided = false;  // above(), contend(): no precision could tell, or this one; nothing is listed
  const DeviceScan* scan = nullptr;  // where a device scored it: by which scan, and as which of its vectors
  std::uint32_t vector = 0;
};

/// Precisions to score in, cheapest first; the last is float32.
enum class Ladder : std::uint8_t {
  float32,  // nothing else
  useful,   // those whose bound is small enough for some vector: packs every one of them at once
  every,    // all that there are, packed when they are first climbed to
  finest,   // float32, and before it a rounded one of 16 bits, the cheaper where there are two
  both,     // float32, and before it the rounded ones of 16 bits, the cheaper first
};

class Scorer {
 public:
  /// `weights` empty or one a row. `by_norm`, without weights: a row's weight is its norm (1 if that is 0), so that rows of different
  /// norms compare as if they had norm 1. Rows and weights must outlive the scorer.
  Scorer(const Rows& rows, const std::vector<float>& weights, bool nonnegative, Ladder ladder,
         bool by_norm = false);

  /// Precisions to choose from; rung 0 is the cheapest, the last is float32.
  std::size_t rungs() const { return ladder_.size(); }
  std::size_t last_rung() const { return ladder_.size() - 1; }
  product::Precision precision(std::size_t rung) const { return ladder_[rung].precision; }
  /// Is the error of this rung less than `share` of max ‖d_j‖/w_j, relative to a vector's norm?
  bool tells(std::size_t rung, double share);
  /// The cheapest rung whose scores leave few rows open among the strongest, unless these are within its error of one another.
  std::size_t telling_rung();
  /// The vectors' own copy on the device, where they have one: the scorings that follow take them from there.
  void take_vectors_from(const DeviceRows* vectors) { device_vectors_ = vectors; }
  /// Can a float32 score divided by a weight neither overflow nor lose its bits? If not, no error holds.
  bool reliable() const { return reliable_; }

  double weight(std::size_t row) const {
    if (!weights_.empty()) return static_cast<double>(weights_[row]);
    return by_norm_ && rows_.norms[row] > 0 ? rows_.norms[row] : 1;
  }
  double strength(double product, double weight) const {
    return (nonnegative_ ? product : std::fabs(product)) / weight;
  }
  double strength(const product::Entry& entry) const {
    return strength(static_cast<double>(entry.value), weight(entry.index));
  }
  /// At least max_j ‖d_j‖/w_j.
  double largest() const { return ladder_.back().rows.norm; }

  /// For each request the rows whose strength may exceed its threshold: the `capacity` strongest, strongest first.
  void score(ConstMatrix32 vectors, std::span<Request> requests, std::size_t capacity,
             const Execution& execution);

  /// The same without a capacity, each list ascending by index. A request that even float32's bound leaves open is undecided. Rough
  /// requests may have the threshold 0 only where scores have signs (`nonnegative`).
  void above(ConstMatrix32 vectors, std::span<Request> requests, const Execution& execution);

  /// For each request its `capacity` strongest rows as one precision scores them, whatever the threshold.
  void list(std::size_t rung, ConstMatrix32 vectors, std::span<Request> requests, std::size_t capacity,
            const Execution& execution);

  /// For each request the rows that may be among its `wanted` strongest, as one precision scores them: in no order, at most `capacity`. What
  /// has more, or scores so large that they may overflow, is undecided.
  void contend(std::size_t rung, ConstMatrix32 vectors, std::span<Request> requests, std::size_t wanted,
               std::size_t capacity, const Execution& execution);

  /// Every product as one precision computes it: out (requests × rows). Weights play no part.
  void every(std::size_t rung, ConstMatrix32 vectors, std::span<Request> requests, Matrix32 out,
             const Execution& execution);

  /// The rows whose float32 strength exceeds floors[i], as computed: for methods whose own arithmetic is float32.
  Status computed_above(ConstMatrix32 vectors, std::span<const std::uint32_t> rows, const float* floors,
                        std::vector<std::vector<product::Entry>>& out, const Execution& execution) const;

  /// What the last scoring found of request i; valid until the next. Nothing is valid if that was cancelled.
  const Scored& operator[](std::size_t request) const { return found_[request]; }

 private:
  struct Rung {
    product::Precision precision;
    Size rows;  // max over the rows, divided by their weights
    bool measured = false;
    std::optional<UnsuperposeCudaPrecision> device =
        {};  // in which a device scores; `precision` has no part then
  };
  /// The requests that are being scored in one precision.
  struct Members {
    std::vector<std::uint32_t> requests, rows;
    std::vector<float> floors;
  };

  Rung& measure(std::size_t rung);
  double error_of(const Rung& rung, const Request& request, std::size_t member) const;
  void gather(const Rung& rung, ConstMatrix32 vectors, std::span<const Request> requests,
              const Execution& execution);
  const Rung& gather_all(std::size_t rung, ConstMatrix32 vectors, std::span<const Request> requests,
                         const Execution& execution);
  template <class Pass>
  void climb(ConstMatrix32 vectors, std::span<Request> requests, bool to_exact, const Execution& execution,
             const Pass& pass);
  DeviceScan& scan(const Rung& rung);
  void locate(Scored& scored, const Rung& rung, std::size_t member);
  /// The `capacity` strongest of the members, from floors (or null), as what was found of them.
  bool select(std::size_t step, const Rung& rung, ConstMatrix32 vectors, const float* floors,
              std::size_t capacity, const Execution& execution);
  product::LeftRows left(const Rung& rung, ConstMatrix32 vectors) const;
  product::SelectOptions options() const;

  const Rows rows_;
  const std::vector<float>& weights_;
  const bool nonnegative_, by_norm_;
  bool reliable_ = true;
  double largest_scale_ = 1;  // 1/w_j
  std::vector<float> scale_;  // 1/w_j, empty for unit weights
  std::vector<Rung> ladder_;

  Members members_;
  product::RoundedRows rounded_;
  std::vector<product::Selection> selections_;      // one a rung
  std::vector<std::unique_ptr<DeviceScan>> scans_;  // one a rung on a device
  const DeviceRows* device_vectors_ = nullptr;
  std::vector<std::vector<product::Entry>> lists_, passed_;
  product::Contenders contenders_;
  std::vector<float> margins_;
  std::vector<Scored> found_;
};

}  // namespace unsuperpose::scoring
