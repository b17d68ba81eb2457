// One per running call: the way in for cancellation, the way out for progress. Shared between the
// thread that works and the one that watches, so everything here is atomic or fixed before the start.
#pragma once
#include <atomic>
#include <cstdint>

namespace unsuperpose {

class Monitor {
 public:
  Monitor() = default;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  void set_total(std::uint64_t total) { total_.store(total, std::memory_order_relaxed); }
  /// Work done, in the unit of set_total (samples, or learning steps). May be called from any thread.
  void advance(std::uint64_t count) {
    done_.fetch_add(count, std::memory_order_relaxed);
    if (listener_) listener_(context_);
  }
  std::uint64_t done() const { return done_.load(std::memory_order_relaxed); }
  std::uint64_t total() const { return total_.load(std::memory_order_relaxed); }

  /// Set before the work starts. `listener` runs on a worker thread after each advance and must be
  /// cheap: it only signals, the reader takes done()/total() when it gets round to it.
  void listen(void (*listener)(void*), void* context) {
    listener_ = listener;
    context_ = context;
  }

 private:
  std::atomic<bool> cancelled_{false};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> total_{0};
  void (*listener_)(void*) = nullptr;
  void* context_ = nullptr;
};

}  // namespace unsuperpose
