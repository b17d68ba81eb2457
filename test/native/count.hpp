// Checks that are counted, and the program's exit status.
#pragma once
#include <cstdarg>
#include <cstdio>

namespace unsuperpose::check {

inline long checks = 0, failures = 0;

/// Counts a check; prints the first few that fail.
__attribute__((format(printf, 2, 3))) inline bool that(bool holds, const char* format, ...) {
  constexpr long kPrinted = 10;
  ++checks;
  if (holds) return true;
  if (++failures > kPrinted) return false;
  std::va_list values;
  va_start(values, format);
  std::vprintf(format, values);
  va_end(values);
  std::printf("\n");
  return false;
}

/// The exit status of the program: 1 where a check failed, or none was made.
inline int finish() {
  std::printf("%ld checks, %ld failed\n", checks, failures);
  return checks > 0 && failures == 0 ? 0 : 1;
}

}  // namespace unsuperpose::check
