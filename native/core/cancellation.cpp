#include "cancellation.hpp"

#include <chrono>
#include <thread>

namespace unsuperpose::cancellation {

namespace {

// glibc 2.34 gave this function a new version when it moved it, which would be the module's floor: the old one is still there.
#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))
#if defined(__x86_64__)
__asm__(".symver unsuperpose_trylock, pthread_mutex_trylock@GLIBC_2.2.5");
#else
__asm__(".symver unsuperpose_trylock, pthread_mutex_trylock@GLIBC_2.17");
#endif
extern "C" int unsuperpose_trylock(pthread_mutex_t* mutex);
bool take(std::mutex& mutex) { return unsuperpose_trylock(mutex.native_handle()) == 0; }
#else
bool take(std::mutex& mutex) { return mutex.try_lock(); }
#endif

}  // namespace

std::unique_lock<std::mutex> lock(std::mutex& mutex) {
  if (!call) return std::unique_lock(mutex);
  // Mutexes that wait with a limit are newer than the floor too. What is waited for takes a second; a millisecond more is nothing.
  while (!take(mutex)) {
    point();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {mutex, std::adopt_lock};
}

}  // namespace unsuperpose::cancellation
