// Where a learner's batches come from.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/random.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "checkpoint.hpp"

namespace unsuperpose {

/// Samples to learn from. A learner that draws its own samples takes one without rows.
struct Batch {
  ConstMatrix32 input;                 // samples × dims, finite
  ConstMatrix32 target;                // what is to be made of each sample; no rows: the input itself
  const std::uint8_t* mask = nullptr;  // one a sample, 0 for those that do not count; null: all count
};

class BatchSource {
 public:
  virtual ~BatchSource() = default;

  /// The next batch, valid until the next call; without rows once the source has ended.
  virtual Status next(Batch& out) = 0;
  /// Up to `rows` samples to begin from, which next() gives again. Without rows where a source cannot go back.
  virtual Status preview(std::size_t /*rows*/, Batch& out) {
    out = {};
    return {};
  }
  /// Where it stands, for a run that goes on later over the same data; both do nothing where there is nothing to keep.
  virtual void save(Checkpoint& /*to*/) const {}
  virtual Status resume(const Checkpoint& /*from*/) { return {}; }
};

/// A matrix (n × dims) in seeded epochs without end: each visits the samples in a new random order, and batches go on
/// from one epoch into the next. The matrix is borrowed, and so is the one of targets, a row a sample, if there is one.
class ShuffledBatches final : public BatchSource {
 public:
  /// min(size, n) samples a batch; size ≥ 1.
  ShuffledBatches(ConstMatrix32 data, std::size_t size, std::uint64_t seed, ConstMatrix32 targets = {});

  Status next(Batch& out) override;
  /// Goes back to the beginning of the running epoch.
  Status preview(std::size_t rows, Batch& out) override;
  void save(Checkpoint& to) const override;
  Status resume(const Checkpoint& from) override;
  /// Which samples the last batch holds.
  const std::vector<std::uint32_t>& taken() const { return taken_; }

 private:
  Status gather(std::size_t count, Batch& out);
  void new_epoch();

  ConstMatrix32 data_, targets_;
  std::size_t size_, stride_, target_stride_;
  Random random_;
  std::vector<std::uint32_t> order_;  // of the running epoch
  std::vector<std::uint32_t> taken_;
  std::size_t position_ = 0;
  AlignedBuffer<float> gathered_, gathered_targets_;
};

/// What came from outside, once and in its own order, cut into batches of at most `size` samples (≥ 1). Borrowed.
class OrderedBatches final : public BatchSource {
 public:
  OrderedBatches(const Batch& given, std::size_t size) : given_(given), size_(size) {}

  /// How many there are in all.
  std::uint64_t count() const { return (given_.input.rows + size_ - 1) / size_; }
  Status next(Batch& out) override;

 private:
  Batch given_;
  std::size_t size_, first_ = 0;
};

}  // namespace unsuperpose
