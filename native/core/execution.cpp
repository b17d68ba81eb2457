#include "execution.hpp"

#include "cancellation.hpp"
#include "thread_pool.hpp"

namespace unsuperpose {

void Execution::in_parallel(std::size_t blocks, const std::function<void(std::size_t)>& body) const {
  ThreadPool::instance().parallel_for(blocks, threads, [&](std::size_t block) {
    if (!cancelled()) body(block);
  });
}

}  // namespace unsuperpose
