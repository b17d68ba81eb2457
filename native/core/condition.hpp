// What threads wait on under a mutex, with a time limit. std::condition_variable would raise the glibc floor; what it stands on does not.
#pragma once
#include <chrono>
#include <mutex>
#if defined(_WIN32)
#include <condition_variable>
#else
#include <pthread.h>

#include <ctime>
#endif

namespace unsuperpose {

class Condition {
 public:
  Condition() = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

#if defined(_WIN32)
  void wait(std::unique_lock<std::mutex>& lock) { variable_.wait(lock); }
  /// False once `limit` is over. May return early without reason, as wait() may.
  bool wait_for(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds limit) {
    return variable_.wait_for(lock, limit) == std::cv_status::no_timeout;
  }
  void notify_one() { variable_.notify_one(); }
  void notify_all() { variable_.notify_all(); }

 private:
  std::condition_variable variable_;
#else
  ~Condition() { pthread_cond_destroy(&variable_); }

  void wait(std::unique_lock<std::mutex>& lock) {
    pthread_cond_wait(&variable_, lock.mutex()->native_handle());
  }
  /// False once `limit` is over. May return early without reason, as wait() may.
  bool wait_for(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds limit) {
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    constexpr long kSecond = 1'000'000'000;
    const auto count = limit.count();
    until.tv_sec += static_cast<std::time_t>(count / 1000);
    until.tv_nsec += static_cast<long>(count % 1000) * 1'000'000;
    if (until.tv_nsec >= kSecond) {
      ++until.tv_sec;
      until.tv_nsec -= kSecond;
    }
    return pthread_cond_timedwait(&variable_, lock.mutex()->native_handle(), &until) == 0;
  }
  void notify_one() { pthread_cond_signal(&variable_); }
  void notify_all() { pthread_cond_broadcast(&variable_); }

 private:
  pthread_cond_t variable_ = PTHREAD_COND_INITIALIZER;
#endif
};

}  // namespace unsuperpose
