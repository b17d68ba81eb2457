// One pool for the process. It runs two kinds of work:
//  - jobs (one asynchronous call from JavaScript each), first in, first out, through submit();
//  - the blocks of a parallel loop, through parallel_for(), which a job or a synchronous call runs and
//    joins itself, so a loop always gets done even when every worker is busy.
// Work is cut into blocks by the size of the problem, never by the number of threads, and a block's
// result never depends on who ran it: results are bit-identical for any number of threads.
// Built on std::thread and C++20 atomic waits alone: condition variables would raise the glibc floor.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>

namespace unsuperpose {

class ThreadPool {
 public:
  /// The process's pool, made on first use and never destroyed (its threads end with the process).
  static ThreadPool& instance();

  /// Makes sure that at least `threads` threads (the caller counts as one) can share a loop.
  /// Threads are only ever added. At most kMaxThreads.
  void ensure(unsigned threads);
  unsigned size() const;

  /// Queues a job; it runs on a pool thread. Never blocks.
  void submit(std::function<void()> job);

  /// Runs body(block) for every block in [0, blocks), on up to `threads` threads, the caller among
  /// them, and returns when all are done. The one exception a body may let out is std::bad_alloc: the
  /// other blocks still run, then it is thrown here.
  void parallel_for(std::size_t blocks, unsigned threads, const std::function<void(std::size_t block)>& body);

  static constexpr unsigned kMaxThreads = 1024;

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

 private:
  ThreadPool();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace unsuperpose
