// What the programs that ask the CUDA module's table share.
#pragma once
#include <cstdio>
#include <cstdlib>

#include "../../native/cuda/abi.h"

extern "C" const UnsuperposeCuda* unsuperpose_cuda_table();

inline const UnsuperposeCuda& table = *unsuperpose_cuda_table();

inline int failures = 0;
#define EXPECT(condition)                                                                            \
  do {                                                                                               \
    if (!(condition) && ++failures < 20) std::printf("%s:%d: " #condition "\n", __FILE__, __LINE__); \
  } while (false)

/// Ends the program unless the call succeeded.
inline void require(int code, const UnsuperposeCudaError& error) {
  if (code == 0) return;
  std::printf("error %d: %s\n", code, error.message);
  std::exit(1);
}

/// What main() answers.
inline int ended() {
  std::printf(failures ? "%d failures\n" : "ok\n", failures);
  return failures ? 1 : 0;
}
