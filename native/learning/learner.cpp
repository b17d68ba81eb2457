#include "learner.hpp"

#include <algorithm>
#include <cstring>

namespace unsuperpose {

Status train(std::span<Learner* const> learners, BatchSource& source, std::uint64_t steps,
             const Execution& execution) {
  execution.set_total(steps);
  Batch batch;
  std::size_t wanted = 0;
  for (const Learner* learner : learners) wanted = std::max(wanted, learner->wants());
  if (wanted > 0) {
    if (Status status = source.preview(wanted, batch); !status.ok()) return status;
    for (Learner* learner : learners)
      if (learner->wants() > 0 && batch.input.rows > 0)
        if (Status status = learner->start(batch, execution); !status.ok()) return status;
  }
  const Execution inner{execution.threads, execution.monitor, false, execution.device};
  for (std::uint64_t step = 0; step < steps; ++step) {
    if (Status status = source.next(batch); !status.ok()) return status;
    if (batch.input.rows == 0) break;
    for (Learner* learner : learners)
      if (Status status = learner->feed(batch, inner); !status.ok()) return status;
    execution.advance(1);
  }
  return {};
}

ConstMatrix32 counted(const Batch& batch, AlignedBuffer<float>& kept) {
  const ConstMatrix32& input = batch.input;
  if (!batch.mask) return input;
  const std::size_t stride = round_up(input.cols, kCacheLine / sizeof(float));
  kept.reserve(input.rows * stride);
  std::size_t count = 0;
  for (std::size_t i = 0; i < input.rows; ++i)
    if (batch.mask[i] != 0)
      std::memcpy(kept.data() + count++ * stride, input.row(i), input.cols * sizeof(float));
  return {kept.data(), count, input.cols, stride};
}

}  // namespace unsuperpose
