// Where long work stops once its call is cancelled. A thread knows the call that it works for, so a point can stand in any loop, however
// deep, without being handed an Execution: one where some microseconds of work lie between two of them costs nothing that can be measured.
#pragma once
#include <mutex>

#include "monitor.hpp"

namespace unsuperpose {

/// Thrown at a point of a cancelled call, on whichever thread works for it. A parallel loop passes it on to its caller, and a job ends
/// with it as with Status::cancelled(). What it unwinds is discarded: code with a point in it changes nothing that outlives the call, or
/// changes it after its last point.
struct Cancelled {};

namespace cancellation {

/// The call that this thread works for; null where nobody can cancel it (synchronous calls).
inline constinit thread_local const Monitor* call = nullptr;

/// Works for `monitor` until the end of the scope.
class Scope {
 public:
  explicit Scope(const Monitor* monitor) : before_(call) { call = monitor; }
  ~Scope() { call = before_; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  const Monitor* before_;
};

/// Throws Cancelled if the call that this thread works for was cancelled.
inline void point() {
  if (const Monitor* monitor = call; monitor && monitor->cancelled()) throw Cancelled{};
}

/// A point every `kEvery` calls, for loops whose steps are too short for one each.
template <unsigned kEvery>
class Points {
 public:
  void pass() {
    if (++count_ % kEvery == 0) point();
  }

 private:
  unsigned count_ = 0;
};

/// Locks `mutex`; a point while another call holds it.
std::unique_lock<std::mutex> lock(std::mutex& mutex);

}  // namespace cancellation
}  // namespace unsuperpose
