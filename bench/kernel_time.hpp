// How long a kernel takes that fits in L1, in cycles of the clock that this core runs at meanwhile.
#pragma once
#include <algorithm>
#include <chrono>

namespace unsuperpose::bench {

/// Nanoseconds of the fastest of many runs of `calls` calls.
template <class Call>
double fastest(int calls, const Call& call) {
  constexpr int kRuns = 60;
  double best = 1e300;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) call();
    const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - start;
    best = std::min(best, passed.count() / calls);
  }
  return best;
}

/// Cycles a nanosecond: a chain of additions of registers takes one cycle each (some processors fold those of constants). 0 where there is no such chain for this processor.
inline double clock_rate() {
#if defined(__x86_64__) || defined(__aarch64__)
  constexpr int kAdditions = 1000;
  unsigned long x = 0, one = 1;
  return kAdditions / fastest(200, [&] {
#if defined(__x86_64__)
           __asm__ volatile(".rept 1000\n\tadd %1, %0\n\t.endr" : "+r"(x) : "r"(one));
#else
           __asm__ volatile(".rept 1000\n\tadd %0, %0, %1\n\t.endr" : "+r"(x) : "r"(one));
#endif
         });
#else
  return 0;
#endif
}

/// The other operations of the active level, a line each.
void print_operations();

}  // namespace unsuperpose::bench
