#include "thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <new>
#include <thread>

#include "aligned.hpp"
#include "cancellation.hpp"
#include "condition.hpp"

namespace unsuperpose {

namespace {

/// A loop that is being run, on its caller's stack. Its caller leaves once no helper is in it and none can find it.
struct Loop {
  const std::size_t blocks;
  const std::function<void(std::size_t)>& body;
  const Monitor* const monitor;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> out_of_memory{false}, cancelled{false};
  std::atomic<std::size_t> bytes{0};  // that were not to be had, where it is known

  // Guarded by the pool's mutex.
  std::size_t wanted;       // helpers that may still come
  std::size_t helpers = 0;  // that are in it
  bool awaited = false;     // its caller has nothing left to do
  Condition left;
  Loop* after = nullptr;  // in the list of loops that want helpers

  Loop(std::size_t blocks_, std::size_t wanted_, const std::function<void(std::size_t)>& body_)
      : blocks(blocks_), body(body_), monitor(cancellation::call), wanted(wanted_) {}

  bool has_blocks() const { return next.load(std::memory_order_relaxed) < blocks; }

  void run() {
    for (;;) {
      const std::size_t block = next.fetch_add(1, std::memory_order_relaxed);
      if (block >= blocks) return;
      // std::exception_ptr would carry more, but its symbols are newer than our floor.
      try {
        body(block);
      } catch (const Cancelled&) {
        cancelled.store(true, std::memory_order_relaxed);
      } catch (const OutOfMemory& failure) {
        bytes.store(failure.bytes(), std::memory_order_relaxed);
        out_of_memory.store(true, std::memory_order_relaxed);
      } catch (...) {
        out_of_memory.store(true, std::memory_order_relaxed);
      }
    }
  }

  /// After all of it has run.
  void rethrow() const {
    if (out_of_memory.load(std::memory_order_relaxed)) {
      if (const std::size_t wanted_bytes = bytes.load(std::memory_order_relaxed))
        throw OutOfMemory(wanted_bytes);
      throw std::bad_alloc();
    }
    if (cancelled.load(std::memory_order_relaxed)) throw Cancelled{};
  }
};

/// A worker that waits for work, on its own stack.
struct Idle {
  Condition condition;
  bool called = false;
  Idle* next = nullptr;
};

/// After the system has refused a thread it is left in peace for so long: asking costs as much as a short loop.
constexpr std::chrono::milliseconds kPause{100};
/// Helpers that a loop's caller wakes, and each helper after it while there are blocks: all of many are awake within a few steps, and a
/// loop that ends before they come has disturbed few.
constexpr std::size_t kWoken = 2;

thread_local bool is_worker = false;

}  // namespace

struct ThreadPool::State {
  std::mutex mutex;
  std::deque<std::function<void()>> jobs;
  Loop* loops = nullptr;  // that want helpers, the oldest first
  Idle* idle = nullptr;   // the one that came last first, so that those who are not needed leave
  std::size_t idlers = 0;
  std::atomic<unsigned> workers{0};
  std::chrono::steady_clock::time_point refused_until{};

  /// Wakes up to `count` idle workers.
  void wake(std::size_t count) {
    for (; idle && count > 0; --count) {
      Idle* one = idle;
      idle = one->next;
      --idlers;
      one->called = true;
      one->condition.notify_one();
    }
  }

  /// Makes workers until there are `wanted`, or the system refuses.
  void grow(std::size_t wanted) {
    wanted = std::min<std::size_t>(wanted, kMaxThreads);
    if (workers.load(std::memory_order_relaxed) >= wanted) return;
    if (std::chrono::steady_clock::now() < refused_until) return;
    try {
      while (workers.load(std::memory_order_relaxed) < wanted) {
        std::thread([this] { work(); }).detach();
        workers.fetch_add(1, std::memory_order_relaxed);
      }
    } catch (...) {
      refused_until = std::chrono::steady_clock::now() + kPause;
    }
  }

  void enlist(Loop& loop) {
    Loop** at = &loops;
    while (*at) at = &(*at)->after;
    *at = &loop;
  }
  /// Nothing if it is not in the list.
  void strike(Loop& loop) {
    for (Loop** at = &loops; *at; at = &(*at)->after) {
      if (*at != &loop) continue;
      *at = loop.after;
      return;
    }
  }

  /// Waits for work, in `lock`; false after kPatience without any.
  bool wait_for_work(std::unique_lock<std::mutex>& lock) {
    Idle self;
    self.next = idle;
    idle = &self;
    ++idlers;
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!self.called) {
      self.condition.wait_for(lock, kPatience);
      if (self.called || std::chrono::steady_clock::now() < until) continue;
      Idle** at = &idle;
      while (*at != &self) at = &(*at)->next;
      *at = self.next;
      --idlers;
      return false;
    }
    return true;
  }

  void help(Loop& loop, std::unique_lock<std::mutex>& lock) {
    ++loop.helpers;
    if (--loop.wanted == 0) strike(loop);
    if (loop.wanted > 0 && loop.has_blocks()) wake(std::min(loop.wanted, kWoken));
    lock.unlock();
    {
      const cancellation::Scope scope(loop.monitor);
      loop.run();
    }
    lock.lock();
    // In the lock: its caller cannot leave before this thread has let go of it.
    if (--loop.helpers == 0 && loop.awaited) loop.left.notify_one();
  }

  void work() {
    is_worker = true;
    std::unique_lock lock(mutex);
    for (;;) {
      // Loops first: somebody is waiting for them.
      if (loops) {
        help(*loops, lock);
      } else if (!jobs.empty()) {
        std::function<void()> job = std::move(jobs.front());
        jobs.pop_front();
        lock.unlock();
        job();
        job = nullptr;
        lock.lock();
      } else if (!wait_for_work(lock)) {
        workers.fetch_sub(1, std::memory_order_relaxed);
        return;
      }
    }
  }
};

ThreadPool::ThreadPool() : state_(std::make_unique<State>()) {}

ThreadPool& ThreadPool::instance() {
  static ThreadPool* pool = new ThreadPool();  // leaked on purpose: its threads outlive static destruction
  return *pool;
}

unsigned ThreadPool::size() const { return state_->workers.load(std::memory_order_relaxed); }

bool ThreadPool::submit(const std::function<void()>& job, unsigned threads) {
  State& state = *state_;
  std::lock_guard lock(state.mutex);
  // Every worker that idles is good for one job that waits.
  const std::size_t workers = state.workers.load(std::memory_order_relaxed);
  if (state.idlers <= state.jobs.size()) state.grow(std::min<std::size_t>(threads, workers + 1));
  if (state.workers.load(std::memory_order_relaxed) == 0) return false;
  state.jobs.push_back(job);
  state.wake(1);
  return true;
}

void ThreadPool::parallel_for(std::size_t blocks, unsigned threads,
                              const std::function<void(std::size_t)>& body) {
  if (blocks == 0) return;
  const std::size_t sharers = std::min<std::size_t>({threads, blocks, kMaxThreads});
  if (sharers <= 1) {
    for (std::size_t block = 0; block < blocks; ++block) body(block);
    return;
  }
  State& state = *state_;
  Loop loop(blocks, sharers - 1, body);
  {
    std::lock_guard lock(state.mutex);
    state.grow(is_worker ? sharers : sharers - 1);
    state.enlist(loop);
    state.wake(std::min(loop.wanted, kWoken));
  }
  loop.run();
  {
    std::unique_lock lock(state.mutex);
    state.strike(loop);  // nobody needs to come any more
    loop.awaited = true;
    while (loop.helpers > 0) loop.left.wait(lock);
  }
  loop.rethrow();
}

}  // namespace unsuperpose
