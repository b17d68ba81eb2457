#include "thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace unsuperpose {

namespace {

/// A loop that is being run. Shared by its caller and the workers that joined it; a worker may find
/// it after the last block was taken, so it lives until the last of them lets go.
struct Loop {
  std::size_t blocks;
  const std::function<void(std::size_t)>* body;  // valid while unfinished > 0
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> unfinished;
  std::atomic<bool> out_of_memory{false};

  Loop(std::size_t blocks_, const std::function<void(std::size_t)>& body_)
      : blocks(blocks_), body(&body_), unfinished(blocks_) {}

  void run() {
    for (;;) {
      const std::size_t block = next.fetch_add(1, std::memory_order_relaxed);
      if (block >= blocks) return;
      // std::exception_ptr would carry more, but its symbols are newer than our floor.
      try {
        (*body)(block);
      } catch (...) {
        out_of_memory.store(true, std::memory_order_relaxed);
      }
      if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished.notify_all();
    }
  }

  void join() {
    for (std::size_t left = unfinished.load(std::memory_order_acquire); left != 0;
         left = unfinished.load(std::memory_order_acquire))
      unfinished.wait(left, std::memory_order_acquire);
  }
};

}  // namespace

struct ThreadPool::State {
  std::mutex mutex;
  std::deque<std::shared_ptr<Loop>> invitations;  // one entry for each worker that may join
  std::deque<std::function<void()>> jobs;
  std::atomic<unsigned> workers{0};
  // Bumped once work is queued. A worker reads it before it looks for work, and waits for it to change.
  std::atomic<std::uint32_t> epoch{0};

  void announce(bool many) {
    epoch.fetch_add(1, std::memory_order_release);
    if (many)
      epoch.notify_all();
    else
      epoch.notify_one();
  }

  void work() {
    for (;;) {
      std::shared_ptr<Loop> loop;
      std::function<void()> job;
      std::uint32_t seen;
      {
        std::lock_guard lock(mutex);
        seen = epoch.load(std::memory_order_acquire);
        // Loops first: somebody is waiting for them.
        if (!invitations.empty()) {
          loop = std::move(invitations.front());
          invitations.pop_front();
        } else if (!jobs.empty()) {
          job = std::move(jobs.front());
          jobs.pop_front();
        }
      }
      if (loop)
        loop->run();
      else if (job)
        job();
      else
        epoch.wait(seen, std::memory_order_acquire);
    }
  }
};

ThreadPool::ThreadPool() : state_(std::make_unique<State>()) {}

ThreadPool& ThreadPool::instance() {
  static ThreadPool* pool = new ThreadPool();  // leaked on purpose: its threads outlive static destruction
  return *pool;
}

unsigned ThreadPool::size() const { return state_->workers.load(std::memory_order_relaxed); }

void ThreadPool::ensure(unsigned threads) {
  threads = std::clamp(threads, 1u, kMaxThreads);
  std::lock_guard lock(state_->mutex);
  while (state_->workers.load(std::memory_order_relaxed) < threads) {
    std::thread([state = state_.get()] { state->work(); }).detach();
    state_->workers.fetch_add(1, std::memory_order_relaxed);
  }
}

void ThreadPool::submit(std::function<void()> job) {
  ensure(1);
  {
    std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(std::move(job));
  }
  state_->announce(false);
}

void ThreadPool::parallel_for(std::size_t blocks, unsigned threads,
                              const std::function<void(std::size_t)>& body) {
  if (blocks == 0) return;
  const std::size_t sharers = std::min<std::size_t>({threads, blocks, kMaxThreads});
  if (sharers <= 1) {
    for (std::size_t block = 0; block < blocks; ++block) body(block);
    return;
  }
  ensure(static_cast<unsigned>(sharers));
  auto loop = std::make_shared<Loop>(blocks, body);
  {
    std::lock_guard lock(state_->mutex);
    for (std::size_t i = 1; i < sharers; ++i) state_->invitations.push_back(loop);
  }
  state_->announce(true);
  loop->run();
  {
    // Nobody needs to come any more.
    std::lock_guard lock(state_->mutex);
    std::erase(state_->invitations, loop);
  }
  loop->join();
  if (loop->out_of_memory.load(std::memory_order_relaxed)) throw std::bad_alloc();
}

}  // namespace unsuperpose
