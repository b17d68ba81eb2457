// Rows that live on a device, and vectors that are scored against them. What the table's functions do (module.cpp).
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "device.hpp"
#include "kernels.hpp"

namespace unsuperpose::cuda {

/// What the host has to know of a device.
struct Device {
  int index = 0;
  int multiprocessors = 1;
  std::size_t shared_limit = 0;  // bytes of a block
  bool hopper = false;           // has wgmma

  /// Throws where there is no such device, or it is too old.
  explicit Device(int index);
};

/// Memory for rounded rows.
class RoundedRows {
 public:
  /// For `rows` rows, which are padded.
  void reserve(std::size_t rows, std::size_t dims, int precision);
  Tiles tiles() const { return {bytes_.data(), scales_.data(), chunks_}; }
  std::size_t bytes() const { return bytes_.bytes() + scales_.bytes(); }

 private:
  Memory<std::uint8_t> bytes_;
  Memory<float> scales_;
  unsigned chunks_ = 0;
};

class Rows {
 public:
  Rows(int device, const UnsuperposeCudaMatrix& from);

  const Device& device() const { return device_; }
  std::size_t count() const { return count_; }
  std::size_t dims() const { return dims_; }
  /// count x dims, dense
  const float* data() const { return data_.data(); }
  std::size_t bytes() const;
  /// The rows rounded, and of each at most its norm then, and what that moved; made on first use.
  struct Rounded {
    RoundedRows rows;
    std::vector<float> norms, moved;
    bool made = false;
  };
  const Rounded& rounded(int precision);
  /// Memory that a call used and another may use; null where there is none. One call has it at a time.
  std::shared_ptr<void> take_workspace();
  void keep_workspace(std::shared_ptr<void> workspace);

 private:
  const Device device_;
  const std::size_t count_, dims_;
  Memory<float> data_;
  std::mutex mutex_;
  Rounded rounded_[3];                       // by precision, kLowHalf the last
  std::vector<std::shared_ptr<void>> idle_;  // after what they refer to: they go first
};

class Scan {
 public:
  explicit Scan(Rows& rows) : rows_(rows), upload_(stream_) {}

  void set_vectors(const UnsuperposeCudaMatrix& vectors, int precision, double* norms, double* moved);
  void set_rows(const Rows& from, const std::uint32_t* pick, std::size_t count, int precision, double* norms,
                double* moved);
  void above(const UnsuperposeCudaSelect& select, std::uint32_t* counts);
  void strongest(const UnsuperposeCudaSelect& select, unsigned capacity, std::uint32_t* counts);
  void entries(UnsuperposeCudaEntry* out) const;
  const Rows& rows() const { return rows_; }

 private:
  /// Rounds the vectors of `source_` that `pick` names.
  void round(const std::uint32_t* pick, std::size_t count, RoundedRows& to, double* norms, double* moved);
  void prepare(const UnsuperposeCudaSelect& select);
  /// The lists of vectors `which` (all where empty) above their floors, of up to `capacity` each; their counts come to `found_counts_`.
  void list(const std::vector<std::uint32_t>& which, const std::vector<float>& floors, unsigned capacity,
            const UnsuperposeCudaSelect& select);
  /// What list() found, sorted; the answer of the vectors `which` that `done` names (by place in `which`).
  void take(const std::vector<std::uint32_t>& which, const std::vector<std::uint8_t>& done, bool by_index,
            unsigned most, const UnsuperposeCudaSelect& select);
  std::vector<float> sampled(const UnsuperposeCudaSelect& select, unsigned wanted);

  Rows& rows_;
  Stream stream_;
  Upload upload_;
  std::size_t count_ = 0;
  int precision_ = 0;
  Memory<float> own_;              // vectors that came from the host
  const float* source_ = nullptr;  // the vectors, dense
  const std::uint32_t* source_pick_ = nullptr;
  RoundedRows vectors_, some_;
  Memory<std::uint32_t> pick_, some_pick_;
  Memory<double> norms_, moved_;
  Memory<float> factors_, weights_, floors_, strengths_, ranks_;
  const float* weights_used_ = nullptr;
  Memory<UnsuperposeCudaEntry> lists_, sorted_;
  Memory<unsigned> counts_;
  Memory<std::uint64_t> offsets_;
  unsigned capacity_ = 0;
  bool many_ = false;  // list(): by the product that loses nothing
  std::vector<unsigned> found_counts_;
  /// The answer: of each vector where its entries start, and how many.
  std::vector<UnsuperposeCudaEntry> answer_;
  std::vector<std::uint64_t> starts_;
  std::vector<std::uint32_t> lengths_;
};

}  // namespace unsuperpose::cuda
