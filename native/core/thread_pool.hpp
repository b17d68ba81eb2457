// One pool for the process. It runs two kinds of work:
//  - jobs (one asynchronous call from JavaScript each), first in, first out, through submit();
//  - the blocks of a parallel loop, through parallel_for(), which a job or a synchronous call runs and
//    joins itself, so a loop always gets done even when every worker is busy, or when there is none.
// Work is cut into blocks by the size of the problem, never by the number of threads, and a block's
// result never depends on who ran it: results are bit-identical for any number of threads.
// Workers are made when work asks for them, and leave when they have had none for a while. Where the system grants fewer, work
// takes longer, and that is all. Handing out a loop allocates nothing.
// Built on mutexes and condition.hpp alone: std::condition_variable would raise the glibc floor.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace unsuperpose {

class ThreadPool {
 public:
  /// The process's pool, made on first use and never destroyed (its threads end with the process).
  static ThreadPool& instance();

  /// Workers that there are now.
  unsigned size() const;

  /// Queues a job; it runs on a pool thread, beside as many others as there are workers, which this may bring to `threads`. False, and
  /// nothing is queued, if there is no worker and none can be made: the caller has to run it. Never blocks. Throws std::bad_alloc.
  bool submit(const std::function<void()>& job, unsigned threads);

  /// Runs body(block) for every block in [0, blocks), on up to `threads` threads, the caller among
  /// them, and returns when all are done. A body may let out std::bad_alloc and Cancelled (cancellation.hpp): the
  /// other blocks still run, then it is thrown here. Helpers work for the call that the caller works for.
  void parallel_for(std::size_t blocks, unsigned threads, const std::function<void(std::size_t block)>& body);

  /// How long a worker waits for work before it leaves.
  static constexpr std::chrono::milliseconds kPatience{2000};
  static constexpr unsigned kMaxThreads = 1024;

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

 private:
  ThreadPool();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace unsuperpose
