// The pool: every block of a loop runs once however many threads there are, also where the system grants none; what a body throws comes
// out once all the others have run; idle workers are left asleep by small loops, and leave.
#include "../../native/core/thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <new>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/resource.h>
#endif

#include "../../native/core/aligned.hpp"
#include "../../native/core/cancellation.hpp"
#include "../../native/core/execution.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::that;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // which reserves more address space than there is to limit
#else
constexpr bool kSanitized = false;
#endif

ThreadPool& pool() { return ThreadPool::instance(); }

void sleep(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

/// Runs `work` as a job and waits for it; on this thread where there is no other. Answers whether a thread of the pool ran it.
template <class Work>
bool as_job(unsigned threads, const Work& work) {
  std::atomic<bool> done{false};
  const bool queued = pool().submit(
      [&] {
        work();
        done = true;
      },
      threads);
  if (!queued) work();
  while (queued && !done) sleep(1);
  return queued;
}

void counts(std::size_t blocks, unsigned threads) {
  std::vector<std::atomic<int>> ran(blocks);
  pool().parallel_for(blocks, threads, [&](std::size_t block) { ++ran[block]; });
  bool once = true;
  for (const auto& count : ran) once = once && count == 1;
  that(once, "%zu blocks on %u threads: not every block ran once", blocks, threads);
}

void all_blocks() {
  for (const std::size_t blocks : {0, 1, 2, 3, 17, 1000})
    for (const unsigned threads : {1u, 2u, 3u, 8u, 64u}) counts(blocks, threads);
}

/// A caller that is no worker is one of the threads of its loop: one thread needs no worker, two need one.
void no_more_than_asked() {
  that(pool().size() == 0, "a fresh pool has %u workers", pool().size());
  counts(100, 1);
  that(pool().size() == 0, "one thread made %u workers", pool().size());
  counts(100, 2);
  that(pool().size() == 1, "two threads made %u workers", pool().size());
}

void nested() {
  std::atomic<int> ran{0};
  as_job(4, [&] {
    pool().parallel_for(20, 4, [&](std::size_t) { pool().parallel_for(20, 4, [&](std::size_t) { ++ran; }); });
  });
  that(ran == 400, "nested loops ran %d blocks of 400", ran.load());
}

void many_jobs() {
  constexpr int kJobs = 200;
  std::atomic<int> ran{0}, ended{0};
  for (int job = 0; job < kJobs; ++job)
    pool().submit(
        [&] {
          pool().parallel_for(8, 3, [&](std::size_t) { ++ran; });
          ++ended;
        },
        3);
  while (ended < kJobs) sleep(1);
  that(ran == 8 * kJobs, "jobs ran %d blocks of %d", ran.load(), 8 * kJobs);
}

void exceptions() {
  for (const unsigned threads : {2u, 5u}) {
    std::atomic<int> ran{0};
    std::size_t bytes = 0;
    try {
      pool().parallel_for(50, threads, [&](std::size_t block) {
        ++ran;
        if (block == 7) throw OutOfMemory(12345);
      });
    } catch (const OutOfMemory& failure) {
      bytes = failure.bytes();
    }
    that(bytes == 12345 && ran == 50, "OutOfMemory: %zu bytes, %d blocks of 50", bytes, ran.load());
    bool plain = false;
    try {
      pool().parallel_for(50, threads, [&](std::size_t) { throw std::bad_alloc(); });
    } catch (const OutOfMemory&) {
    } catch (const std::bad_alloc&) {
      plain = true;
    }
    that(plain, "std::bad_alloc did not come out");
  }
}

/// Helpers work for the call of their loop's caller: a point anywhere below stops the whole loop.
void cancelling() {
  for (const unsigned threads : {1u, 2u, 5u}) {
    Monitor monitor;
    bool stopped = false;
    std::atomic<int> passed{0};
    as_job(threads, [&] {
      const cancellation::Scope scope(&monitor);
      const Execution execution{threads, &monitor};
      try {
        execution.for_each(1000, [&](std::size_t block) {
          if (block == 10) monitor.cancel();
          cancellation::point();
          ++passed;
        });
      } catch (const Cancelled&) {
        stopped = true;
      }
    });
    that(stopped && passed < 1000, "%u threads: stopped %d, %d blocks passed", threads, stopped,
         passed.load());
    bool quiet = true;
    as_job(threads, [&] {
      try {
        pool().parallel_for(100, threads, [&](std::size_t) { cancellation::point(); });
      } catch (const Cancelled&) {
        quiet = false;
      }
    });
    that(quiet, "%u threads: a cancelled call left its mark on a thread", threads);
  }
}

/// A lock that another call holds can be waited for, and given up.
void waiting() {
  std::mutex mutex;
  std::unique_lock held(mutex);
  Monitor monitor;
  std::atomic<int> outcome{0};
  std::thread waiter([&] {
    const cancellation::Scope scope(&monitor);
    try {
      const auto lock = cancellation::lock(mutex);
      outcome = 1;
    } catch (const Cancelled&) {
      outcome = 2;
    }
  });
  sleep(20);
  that(outcome == 0, "a held lock was taken");
  monitor.cancel();
  waiter.join();
  that(outcome == 2, "a cancelled call still waits for its lock");
  held.unlock();
  that(cancellation::lock(mutex).owns_lock(), "a free lock was not taken");
}

#if defined(__linux__)
long switches() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw;
}

/// Loops of two blocks wake one helper each, not all that sleep: each that wakes goes to sleep again, which is a switch.
void leaves_the_others_asleep() {
  constexpr unsigned kThreads = 48;
  constexpr int kLoops = 300;
  std::atomic<unsigned> there{0};
  pool().parallel_for(kThreads, kThreads, [&](std::size_t) {
    ++there;
    for (int wait = 0; wait < 2000 && there < kThreads; ++wait) sleep(1);
  });
  that(pool().size() == kThreads - 1, "%u workers for %u threads", pool().size(), kThreads);
  sleep(50);
  const long before = switches();
  for (int loop = 0; loop < kLoops; ++loop) pool().parallel_for(2, kThreads, [](std::size_t) {});
  sleep(50);
  const long spent = switches() - before;
  that(spent < 8L * kLoops, "%d loops of two blocks beside %u workers: %ld switches", kLoops, kThreads,
       spent);
}

void all_leave() {
  for (int wait = 0; wait < 300 && pool().size() > 0; ++wait) sleep(100);
  that(pool().size() == 0, "%u workers stayed", pool().size());
}

/// As many as are asked for do not stay for good, and come back.
void workers_leave() {
  all_leave();
  counts(100, 3);
  that(pool().size() == 2, "%u workers came back", pool().size());
}

/// No room for the stack of another thread: slower, and nothing else.
void without_threads() {
  if (kSanitized) return;
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  rlimit before;
  getrlimit(RLIMIT_AS, &before);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(pages) * 4096 + (rlim_t{3} << 20);
  if (pages == 0 || setrlimit(RLIMIT_AS, &tight) != 0) return;
  // QEMU's emulation of a process takes the limit and does not keep it.
  constexpr std::size_t kStack = std::size_t{8} << 20;
  void* const room = mmap(nullptr, kStack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room != MAP_FAILED) {
    munmap(room, kStack);
    setrlimit(RLIMIT_AS, &before);
    std::puts("SKIPPED: threads that cannot be made, since no limit of memory holds here");
    return;
  }
  for (const std::size_t blocks : {2, 100}) counts(blocks, 8);
  that(pool().size() == 0, "%u workers were made all the same: the limit does not hold", pool().size());
  int ran = 0;
  const bool queued = as_job(8, [&] { ++ran; });
  that(!queued && ran == 1, "without a worker: queued %d, ran %d times", queued, ran);
  setrlimit(RLIMIT_AS, &before);
  sleep(150);  // after a refusal the system is left alone for a while
  that(as_job(8, [&] { ++ran; }) && ran == 2, "threads are not asked for again");
}
#endif

}  // namespace

int main() {
#if defined(__linux__)
  without_threads();  // first: stacks of threads that have left would be used again
  all_leave();
#endif
  no_more_than_asked();
  all_blocks();
  nested();
  many_jobs();
  exceptions();
  cancelling();
  waiting();
#if defined(__linux__)
  workers_leave();
  leaves_the_others_asleep();
  workers_leave();
#endif
  return check::finish();
}
