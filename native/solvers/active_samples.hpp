// A batch that compacts: the samples that are still being worked on, in order. Those that are done leave it between rounds.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "../core/execution.hpp"

namespace unsuperpose {

class ActiveSamples {
 public:
  /// The samples 0 … count − 1, of which a parallel loop takes `together` at a time.
  ActiveSamples(std::size_t count, std::size_t together, const Execution& execution)
      : together_(together), execution_(execution), samples_(count) {
    for (std::size_t i = 0; i < count; ++i) samples_[i] = static_cast<std::uint32_t>(i);
  }

  bool empty() const { return samples_.empty(); }
  std::size_t size() const { return samples_.size(); }
  std::uint32_t operator[](std::size_t position) const { return samples_[position]; }
  std::span<const std::uint32_t> samples() const { return samples_; }

  /// each(sample, position) for all that are left, in parallel.
  template <class Each>
  void for_each(const Each& each) const {
    execution_.for_items(samples_.size(), together_,
                         [&](std::size_t position) { each(samples_[position], position); });
  }

  /// Drops samples that were done before the call: no progress.
  template <class Done>
  void skip(const Done& done) {
    std::erase_if(samples_, done);
  }

  /// Drops the samples for which done(sample) holds, and counts them as progress.
  template <class Done>
  void drop(const Done& done) {
    const std::size_t before = samples_.size();
    std::erase_if(samples_, done);
    execution_.advance(before - samples_.size());
  }

  /// Puts those for which first(sample) holds in front, each group in its order; answers how many there are.
  template <class First>
  std::size_t partition(const First& first) {
    return static_cast<std::size_t>(std::stable_partition(samples_.begin(), samples_.end(), first) -
                                    samples_.begin());
  }

 private:
  std::size_t together_;
  const Execution& execution_;
  std::vector<std::uint32_t> samples_;
};

}  // namespace unsuperpose
