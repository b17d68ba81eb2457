#pragma once
#include <algorithm>

#include "rows.hpp"

namespace unsuperpose::cuda {

/// Samples that a call takes together: enough to fill a large device, few enough for what a solver keeps of each (a Gram matrix of 64 KiB); and the
/// fewest that it goes down to.
constexpr std::size_t kTogether = 4096, kFewestTogether = 16;

/// Solves samples 0 … all − 1 in batches of `together`. `reserve()` goes before the first and after memory ran short; solve(first, count) takes a batch.
/// Where the device's memory does not do, workspaces that no call has are freed; where there are none, `release()` frees this one's, and
/// batches are half as large, as long as they are larger than kFewestTogether.
template <class Reserve, class Solve, class Release>
void in_batches(std::size_t all, std::size_t& together, Rows& rows, const Stream& stream,
                const Reserve& reserve, const Solve& solve, const Release& release) {
  together = std::min(kTogether, all);
  bool ready = false;
  for (std::size_t first = 0; first < all;) {
    try {
      if (!ready) reserve();
      ready = true;
      const std::size_t count = std::min(together, all - first);
      solve(first, count);
      first += count;
    } catch (const Failure& failure) {
      if (failure.code != UNSUPERPOSE_CUDA_MEMORY) throw;
      stream.wait();
      ready = false;
      if (rows.free_workspaces()) continue;
      if (together <= kFewestTogether) throw;
      release();
      together = std::max(kFewestTogether, together / 2);
    }
  }
}

}  // namespace unsuperpose::cuda
