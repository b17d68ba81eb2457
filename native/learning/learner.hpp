// What every learner offers: it is fed batches, tells figures, can be frozen at any time and go on later from a checkpoint.
// Made by a function of its own (options differ); what it makes differs too: LearnerOf.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "batches.hpp"
#include "checkpoint.hpp"

namespace unsuperpose {

struct Figure {
  std::string name;
  double value;
};

/// Deterministic: the same batches give the same bits, on any number of threads. After a failed or cancelled call a
/// learner is only good for being thrown away.
class Learner {
 public:
  virtual ~Learner() = default;

  /// How many samples start() would like to see; 0 once it needs none.
  virtual std::size_t wants() const { return 0; }
  /// Shows it samples to begin from, which it does not learn from yet: first atoms, a scale.
  virtual Status start(const Batch& /*first*/, const Execution& /*execution*/) { return {}; }
  /// One step on one batch, which may go away afterwards. Reports no progress: its caller counts steps.
  virtual Status feed(const Batch& batch, const Execution& execution) = 0;
  /// Steps and samples in all, and means over what was fed since the last call.
  virtual std::vector<Figure> figures() = 0;

  /// All state that training depends on, also what figures() has not told yet. Options are not in it.
  virtual void save(Checkpoint& to) const = 0;
  /// For a learner made with the same options: goes on from there, bit by bit as the other would have. Where the
  /// checkpoint does not fit it fails, and the learner stays as it is.
  virtual Status resume(const Checkpoint& from) = 0;
};

template <class Result>
class LearnerOf : public Learner {
 public:
  /// What it has learned so far; the learner may go on, and what was given stays as it is.
  virtual Status freeze(const Execution& execution, Result& out) = 0;
};

/// `steps` batches of a source (fewer where it ends), each fed to all learners in turn, so that they share one pass over
/// the data. Progress counts batches.
Status train(std::span<Learner* const> learners, BatchSource& source, std::uint64_t steps,
             const Execution& execution);

/// The samples that a mask lets through: the batch's own rows where there is no mask, otherwise copied into `kept`.
ConstMatrix32 counted(const Batch& batch, AlignedBuffer<float>& kept);

}  // namespace unsuperpose
