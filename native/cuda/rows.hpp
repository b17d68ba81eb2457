// Rows that live on a device, with their rounded copies.
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
    double largest_norm = 0, largest_moved = 0;  // of the rows as they are, at most; of what rounding moved
    bool made = false;
    /// The largest of all.
    void measure();
  };
  const Rounded& rounded(int precision);
  /// Row at[i] becomes row i of `from`, also where it is rounded.
  void replace(const UnsuperposeCudaMatrix& from, const std::uint32_t* at);
  /// The rows, to be changed by kernels; then changed() is told which were, there and here, and given two numbers for each.
  float* changing() { return data_.data(); }
  void changed(const std::uint32_t* which, const std::uint32_t* which_here, std::size_t count,
               const Memory<double>& sizes);
  /// Memory that a call used and another of its kind may use; null where there is none. One call has it at a time.
  enum Workspace : unsigned { kLasso, kPursuit, kFold, kLayers, kScan, kWorkspaces };
  std::shared_ptr<void> take_workspace(Workspace kind = kLasso);
  void keep_workspace(std::shared_ptr<void> workspace, Workspace kind = kLasso);
  /// Frees what no call has. Answers whether there was any.
  bool free_workspaces();

 private:
  const Device device_;
  const std::size_t count_, dims_;
  Memory<float> data_;
  std::mutex mutex_;
  Rounded rounded_[3];                       // by precision, kLowHalf the last
  std::shared_ptr<void> idle_[kWorkspaces];  // after what they refer to: they go first
};

}  // namespace unsuperpose::cuda
