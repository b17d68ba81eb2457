// How a call runs: on how many threads, watched by which monitor, on which device. Passed down by reference.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "monitor.hpp"

namespace unsuperpose {

namespace device {
struct Device;  // scoring/device.hpp
}

struct Execution {
  unsigned threads = 1;
  Monitor* monitor = nullptr;        // may be null
  bool reports = true;               // false inside a larger call, which counts in its own unit
  device::Device* device = nullptr;  // null: the CPU

  bool cancelled() const { return monitor && monitor->cancelled(); }

  void set_total(std::uint64_t total) const {
    if (monitor && reports) monitor->set_total(total);
  }
  void advance(std::uint64_t count) const {
    if (monitor && reports && count > 0) monitor->advance(count);
  }

  /// Runs body(block) for every block in [0, blocks) on up to `threads` threads (ThreadPool::parallel_for); blocks left once the
  /// call is cancelled are skipped. The caller checks cancelled() afterwards and discards what it has.
  template <class Body>
  void for_each(std::size_t blocks, const Body& body) const {
    if (threads > 1 && blocks > 1) return in_parallel(blocks, std::cref(body));
    for (std::size_t block = 0; block < blocks && !cancelled(); ++block) body(block);
  }

  /// The same over items, `together` a block: enough to amortise a block, few enough to balance. A cancelled call skips items too.
  template <class Each>
  void for_items(std::size_t items, std::size_t together, const Each& each) const {
    for_each((items + together - 1) / together, [&](std::size_t block) {
      const std::size_t end = std::min(items, (block + 1) * together);
      for (std::size_t i = block * together; i < end && !cancelled(); ++i) each(i);
    });
  }

  /// The same with scratch, made anew for each block: each(i, scratch).
  template <class Make, class Each>
  void for_items(std::size_t items, std::size_t together, const Make& make, const Each& each) const {
    for_each((items + together - 1) / together, [&](std::size_t block) {
      auto scratch = make();
      const std::size_t end = std::min(items, (block + 1) * together);
      for (std::size_t i = block * together; i < end && !cancelled(); ++i) each(i, scratch);
    });
  }

 private:
  void in_parallel(std::size_t blocks, const std::function<void(std::size_t)>& body) const;
};

}  // namespace unsuperpose
