#include "execution.hpp"

#include "cancellation.hpp"
#include "thread_pool.hpp"

namespace unsuperpose {

void Execution::for_each(std::size_t blocks, const std::function<void(std::size_t)>& body) const {
  if (threads <= 1 || blocks <= 1) {
    for (std::size_t block = 0; block < blocks && !cancelled(); ++block) body(block);
    return;
  }
  ThreadPool::instance().parallel_for(blocks, threads, [&](std::size_t block) {
    if (!cancelled()) body(block);
  });
}

}  // namespace unsuperpose
