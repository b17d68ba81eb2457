// Fibers: stacks of one OS thread among which it switches by itself. One is a CUDA thread. The sanitizers are told of every switch.
#pragma once
#include <cstddef>

// Some of these files are compiled without the address sanitizer for programs with it: the build says so by EMULATION_ASAN.
#ifndef EMULATION_ASAN
#if defined(__SANITIZE_ADDRESS__)
#define EMULATION_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATION_ASAN 1
#endif
#endif
#endif
#ifndef EMULATION_ASAN
#define EMULATION_ASAN 0
#endif
// EMULATION_TSAN comes from the build: these files are not instrumented, so they cannot see it.
#ifndef EMULATION_TSAN
#define EMULATION_TSAN 0
#endif

namespace unsuperpose::cuda::emulation {

class Fiber {
 public:
  /// The stack that the caller is on.
  Fiber() = default;
  /// A stack of its own, on which `entry` runs at the first switch to it. entry never returns.
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Leaves `from`, the one that runs, and goes on here. Orders no memory: a race detector sees two threads.
  void continue_from(Fiber& from);
  /// It is soon gone on with.
  void prefetch() const {
    for (unsigned line = 0; line < 6; ++line)
      __builtin_prefetch(static_cast<const unsigned char*>(position_) + 64 * line);
  }

 private:
  static void arrive();
  static void start();

  void (*entry_)() = nullptr;
  void* position_ = nullptr;
  void* mapping_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
  void* fake_stack_ = nullptr;
  [[maybe_unused]] void* race_detector_ = nullptr;
};

/// For the race detector: what ran before release(at) is seen by what runs after acquire(at).
void release(void* at);
void acquire(void* at);
/// The running fiber reads or writes memory through code that the race detector does not see.
void reads(const void* at, std::size_t bytes);
void writes(void* at, std::size_t bytes);

/// Accesses that the race detector is not to count for the running fiber.
class Unwatched {
 public:
  Unwatched();
  ~Unwatched();
  Unwatched(const Unwatched&) = delete;
  Unwatched& operator=(const Unwatched&) = delete;
};

/// For the address sanitizer: nobody may touch these bytes, or all may again.
void forbid(const void* at, std::size_t bytes);
void allow(const void* at, std::size_t bytes);

}  // namespace unsuperpose::cuda::emulation
