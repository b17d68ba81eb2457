#include "learning.hpp"

#include <algorithm>

namespace unsuperpose::cuda {

namespace {

/// Bytes that are on their way from the device at a time.
constexpr std::size_t kArriving = std::size_t{8} << 20;
/// Floats that rows of A are padded to, so that four are read at once.
constexpr std::size_t kPadding = 16;

/// Rows of that size that arrive together.
std::size_t rows_together(std::size_t stride) {
  return std::max<std::size_t>(1, kArriving / sizeof(float) / stride);
}

std::size_t padded(std::size_t n) { return (n + kPadding - 1) / kPadding * kPadding; }

}  // namespace

Learning::Learning(int device, std::size_t features, std::size_t dims)
    : device_(device), features_(features), dims_(dims), a_stride_(padded(features)), upload_(stream_) {
  a_.reserve(features_ * a_stride_);
  b_.reserve(features_ * dims_);
  stream_.zero(a_.data(), features_ * a_stride_);
  stream_.zero(b_.data(), features_ * dims_);
  stream_.wait();
}

Statistics Learning::statistics() const {
  return {a_.data(), b_.data(), static_cast<unsigned>(features_), static_cast<unsigned>(dims_), a_stride_};
}

void Learning::put(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride) {
  if (a_stride_ == features_) {
    upload_.rows(a_.data(), {a, a_stride, features_, features_, nullptr});
  } else {
    // The padding is zero and stays so.
    std::vector<float> row(a_stride_);
    for (std::size_t j = 0; j < features_; ++j) {
      std::copy_n(a + j * a_stride, features_, row.data());
      upload_.rows(a_.data() + j * a_stride_, {row.data(), a_stride_, 1, a_stride_, nullptr});
    }
  }
  stream_.wait();  // its buffers may grow
  upload_.rows(b_.data(), {b, b_stride, features_, dims_, nullptr});
  stream_.wait();
}

void Learning::get(float* a, std::size_t a_stride, float* b, std::size_t b_stride) {
  download(a_.data(), a_stride_, features_, features_, a, a_stride, nullptr);
  download(b_.data(), dims_, features_, dims_, b, b_stride, nullptr);
}

void Learning::download(const float* from, std::size_t row_stride, std::size_t count, std::size_t width,
                        float* to, std::size_t stride, const std::uint32_t* pick) {
  const std::size_t together = rows_together(row_stride);
  const auto send = [&](std::size_t first, std::size_t turn) {
    const std::size_t rows = std::min(together, count - first);
    arriving_[turn].reserve(together * row_stride);
    stream_.to_host(arriving_[turn].data(), from + first * row_stride, rows * row_stride);
    arrived_[turn].record(stream_.get());
  };
  if (count > 0) send(0, 0);
  std::size_t turn = 0;
  for (std::size_t first = 0; first < count; first += together, turn ^= 1) {
    if (first + together < count) send(first + together, turn ^ 1);
    arrived_[turn].wait();
    for (std::size_t i = 0; i < std::min(together, count - first); ++i)
      std::copy_n(arriving_[turn].data() + i * row_stride, width,
                  to + (pick ? pick[first + i] : first + i) * stride);
  }
  stream_.wait();
}

void Learning::scale(double factor) {
  if (factor == 0) {
    stream_.zero(a_.data(), features_ * a_stride_);
    stream_.zero(b_.data(), features_ * dims_);
  } else {
    multiply_all(a_.data(), features_ * a_stride_, factor, stream_.get());
    multiply_all(b_.data(), features_ * dims_, factor, stream_.get());
  }
  stream_.wait();
}

void Learning::forget(std::uint32_t feature) {
  clear_feature(statistics(), feature, stream_.get());
  stream_.wait();
}

void Learning::teach(const UnsuperposeCudaLesson& lesson) {
  const std::size_t samples = lesson.samples.count, entries = lesson.begin[samples];
  if (lesson.touched_count == 0) return;
  samples_.reserve(samples * dims_);
  upload_.rows(samples_.data(), lesson.samples);
  const auto send = [&](Memory<std::uint32_t>& to, const std::uint32_t* from, std::size_t n) {
    to.reserve(n);
    stream_.to_device(to.data(), from, n);
  };
  send(begin_, lesson.begin, samples + 1);
  send(indices_, lesson.indices, entries);
  send(owners_, lesson.owners, entries);
  send(users_, lesson.users, entries);
  send(touched_, lesson.touched, lesson.touched_count);
  send(first_, lesson.first, lesson.touched_count + std::size_t{1});
  values_.reserve(entries);
  stream_.to_device(values_.data(), lesson.values, entries);
  add_codes(statistics(),
            {samples_.data(), begin_.data(), indices_.data(), owners_.data(), touched_.data(), first_.data(),
             users_.data(), values_.data(), lesson.touched_count, lesson.weight},
            stream_.get());
  stream_.wait();
}

void Learning::improve(Rows& atoms, const std::uint32_t* due, std::size_t count, float* out,
                       std::size_t stride, int (*cancelled)(void*), void* context) {
  if (count == 0) return;
  const auto rows = static_cast<unsigned>(atoms.count());
  due_.reserve(count);
  stream_.to_device(due_.data(), due, count);
  parts_.reserve(std::size_t{chunks_of_product(rows)} * kTurn * dims_);
  numerator_.reserve(kTurn * dims_);
  changes_.reserve(kTurn * dims_);
  // All memory is taken before an atom changes.
  gathered_.reserve(count * dims_);
  sizes_.reserve(2 * count);
  for (Pinned<float>& buffer : arriving_) buffer.reserve(rows_together(dims_) * dims_);
  constexpr std::size_t kAsked = 8;  // turns between questions whether the call is cancelled
  std::size_t asked = 0;
  for (std::size_t first = 0; first < count; first += kTurn) {
    if (++asked % kAsked == 0) {
      stream_.wait();
      if (cancelled && cancelled(context)) throw Failure{UNSUPERPOSE_CUDA_CANCELLED, "cancelled"};
    }
    const Turn turn{atoms.changing(),    rows,
                    due_.data() + first, static_cast<unsigned>(std::min<std::size_t>(kTurn, count - first)),
                    parts_.data(),       numerator_.data(),
                    changes_.data()};
    numerators(statistics(), turn, stream_.get());
    take_turns(statistics(), turn, device_.shared_limit, stream_.get());
  }
  gather_rows(atoms.data(), due_.data(), count, static_cast<unsigned>(dims_), gathered_.data(),
              stream_.get());
  download(gathered_.data(), dims_, count, dims_, out, stride, due);
  atoms.changed(due_.data(), due, count, sizes_);
}

}  // namespace unsuperpose::cuda
