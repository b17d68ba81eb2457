// What the samples of a batch own, kept by the thread for its next batch: allocating it anew costs more than a tenth of a small solve.
#pragma once
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace unsuperpose {

/// `count` samples, as a batch before them left them: reset() each before it is used. reset() also gives back what is too large
/// to keep.
template <class Sample>
class KeptSamples {
 public:
  explicit KeptSamples(std::size_t count) : samples_(std::move(kept())), count_(count) {
    kept().clear();
    if (samples_.size() < count) samples_.resize(count);
  }
  KeptSamples(const KeptSamples&) = delete;
  KeptSamples& operator=(const KeptSamples&) = delete;
  ~KeptSamples() {
    if (samples_.size() > kMost) return;
    for (std::size_t i = 0; i < count_; ++i) samples_[i].reset();
    if (kept().size() < samples_.size()) kept() = std::move(samples_);
  }

  Sample& operator[](std::size_t i) { return samples_[i]; }
  const Sample& operator[](std::size_t i) const { return samples_[i]; }

 private:
  static constexpr std::size_t kMost = 512;  // a batch
  /// of this thread, empty while a batch has them
  static std::vector<Sample>& kept() {
    thread_local std::vector<Sample> samples;
    return samples;
  }

  std::vector<Sample> samples_;
  const std::size_t count_;
};

}  // namespace unsuperpose
