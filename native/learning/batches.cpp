#include "batches.hpp"

#include <algorithm>
#include <cstring>

namespace unsuperpose {

ShuffledBatches::ShuffledBatches(ConstMatrix32 data, std::size_t size, std::uint64_t seed,
                                 ConstMatrix32 targets)
    : data_(data),
      targets_(targets),
      size_(std::min(size, data.rows)),
      stride_(round_up(data.cols, kCacheLine / sizeof(float))),
      target_stride_(round_up(targets.cols, kCacheLine / sizeof(float))),
      random_(seed) {}

void ShuffledBatches::new_epoch() {
  order_.resize(data_.rows);
  for (std::size_t i = 0; i < data_.rows; ++i) order_[i] = static_cast<std::uint32_t>(i);
  random_.shuffle(order_.data(), data_.rows);
  position_ = 0;
}

Status ShuffledBatches::gather(std::size_t count, Batch& out) {
  if (data_.rows == 0) return Status::fail(Code::shape, "activations must have at least one sample");
  gathered_.reserve(count * stride_);
  gathered_targets_.reserve(count * target_stride_);
  taken_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    if (position_ == order_.size()) new_epoch();
    const std::uint32_t sample = order_[position_++];
    taken_.push_back(sample);
    std::memcpy(gathered_.data() + i * stride_, data_.row(sample), data_.cols * sizeof(float));
    if (targets_.rows > 0)
      std::memcpy(gathered_targets_.data() + i * target_stride_, targets_.row(sample),
                  targets_.cols * sizeof(float));
  }
  out = {};
  out.input = {gathered_.data(), count, data_.cols, stride_};
  if (targets_.rows > 0) out.target = {gathered_targets_.data(), count, targets_.cols, target_stride_};
  return {};
}

Status ShuffledBatches::next(Batch& out) { return gather(size_, out); }

Status ShuffledBatches::preview(std::size_t rows, Batch& out) {
  Status status = gather(std::min(data_.rows, rows), out);
  position_ = 0;
  return status;
}

void ShuffledBatches::save(Checkpoint& to) const {
  const std::uint64_t* words = random_.words();
  to.put("batches.random", std::vector<std::uint64_t>(words, words + Random::kWords));
  to.put("batches.order", order_);
  to.put("batches.position", std::vector<std::uint64_t>{position_});
}

Status ShuffledBatches::resume(const Checkpoint& from) {
  const auto* words = from.find<std::uint64_t>("batches.random", Random::kWords);
  const auto* position = from.find<std::uint64_t>("batches.position", 1);
  const auto* order = from.find<std::uint32_t>("batches.order");
  if (!words || !position || !order || (!order->empty() && order->size() != data_.rows) ||
      position->front() > order->size() ||
      std::any_of(order->begin(), order->end(), [&](std::uint32_t i) { return i >= data_.rows; }))
    return Checkpoint::refuse("batches from a matrix of so many samples");
  random_.restore(words->data());
  order_ = *order;
  position_ = static_cast<std::size_t>(position->front());
  return {};
}

Status OrderedBatches::next(Batch& out) {
  const std::size_t first = first_, count = std::min(size_, given_.input.rows - first);
  first_ += count;
  out = {};
  out.input = given_.input.slice(first, count);
  if (given_.target.rows > 0) out.target = given_.target.slice(first, count);
  if (given_.mask) out.mask = given_.mask + first;
  return {};
}

}  // namespace unsuperpose
