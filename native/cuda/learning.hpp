// What online dictionary learning keeps of codes, on a device (abi.h: UnsuperposeCudaLearning), and every launch that it takes.
#pragma once
#include <vector>

#include "rows.hpp"

namespace unsuperpose::cuda {

/// Atoms that block-coordinate descent takes at a time: their changes fit a block's shared memory (1,024 dims: 128 KiB).
inline constexpr unsigned kTurn = 32;

/// A and B as kernels see them. Rows are padded with zeros to `a_stride`.
struct Statistics {
  float* a;  // features x a_stride
  float* b;  // features x dims
  unsigned features, dims;
  std::size_t a_stride;
};

/// A lesson on the device.
struct Lesson {
  const float* samples;  // x dims
  const std::uint32_t *begin, *indices, *owners, *touched, *first, *users;
  const float* values;
  unsigned touched_count;
  float weight;
};
/// A += weight a'a, B += weight a'x: in the order of the samples.
void add_codes(const Statistics& to, const Lesson& lesson, cudaStream_t stream);
/// values[i] = values[i] * factor, rounded once.
void multiply_all(float* values, std::size_t count, double factor, cudaStream_t stream);
/// Row and column of A, row of B.
void clear_feature(const Statistics& of, unsigned feature, cudaStream_t stream);

/// Up to kTurn atoms whose turn it is.
struct Turn {
  float* atoms;  // rows x dims
  unsigned rows;
  const std::uint32_t* members;
  unsigned count;
  float* parts;      // chunks_of_product() x kTurn x dims
  float* numerator;  // kTurn x dims
  float* changes;    // kTurn x dims, where shared memory does not hold them
};
unsigned chunks_of_product(unsigned rows);
/// numerator = b_j - A_j D + A_jj d_j of every member, with the atoms as they are.
void numerators(const Statistics& from, const Turn& turn, cudaStream_t stream);
/// The members one after the other, each with the changes of those before it.
void take_turns(const Statistics& from, const Turn& turn, std::size_t shared_limit, cudaStream_t stream);
/// out[i] = rows[which[i]]
void gather_rows(const float* rows, const std::uint32_t* which, std::size_t count, unsigned dims, float* out,
                 cudaStream_t stream);

class Learning {
 public:
  Learning(int device, std::size_t features, std::size_t dims);

  const Device& device() const { return device_; }
  void put(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride);
  void get(float* a, std::size_t a_stride, float* b, std::size_t b_stride);
  void scale(double factor);
  void forget(std::uint32_t feature);
  void teach(const UnsuperposeCudaLesson& lesson);
  void improve(Rows& atoms, const std::uint32_t* due, std::size_t count, float* out, std::size_t stride,
               int (*cancelled)(void*), void* context);

 private:
  Statistics statistics() const;
  /// Copies rows to the host through pinned memory: row i to to + (pick ? pick[i] : i) * stride.
  void download(const float* from, std::size_t row_stride, std::size_t count, std::size_t width, float* to,
                std::size_t stride, const std::uint32_t* pick);

  const Device device_;
  const std::size_t features_, dims_, a_stride_;
  Stream stream_;
  Upload upload_;
  Memory<float> a_, b_, samples_, values_, parts_, numerator_, changes_, gathered_;
  Memory<double> sizes_;
  Memory<std::uint32_t> begin_, indices_, owners_, touched_, first_, users_, due_;
  Pinned<float> arriving_[2];
  Event arrived_[2];
};

}  // namespace unsuperpose::cuda
