// Target regions: what stands between BEGIN and END is compiled for one instruction set, whatever the flags
// of the file. Never include a header inside one (an inline function of it, compiled for AVX, might be
// the copy that the linker keeps for everyone), and write no lambdas (they may escape the region).
// UNSUPERPOSE_HAS_<LEVEL> tells whether the architecture being compiled for has the level at all.
#pragma once

#if defined(__clang__)
#define UNSUPERPOSE_PRAGMA_(text) _Pragma(#text)
#define UNSUPERPOSE_BEGIN_TARGET_(features) \
  UNSUPERPOSE_PRAGMA_(clang attribute push(__attribute__((target(features))), apply_to = function))
#define UNSUPERPOSE_END _Pragma("clang attribute pop")
#elif defined(__GNUC__)
#define UNSUPERPOSE_PRAGMA_(text) _Pragma(#text)
#define UNSUPERPOSE_BEGIN_TARGET_(features) \
  _Pragma("GCC push_options") UNSUPERPOSE_PRAGMA_(GCC target(features))
#define UNSUPERPOSE_END _Pragma("GCC pop_options")
#endif

#if defined(__x86_64__) && defined(UNSUPERPOSE_BEGIN_TARGET_)
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the deliberately undefined operands of its own intrinsics for a mistake (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#define UNSUPERPOSE_HAS_AVX2 1
#define UNSUPERPOSE_HAS_AVX512 1
#define UNSUPERPOSE_BEGIN_AVX2 UNSUPERPOSE_BEGIN_TARGET_("avx2,fma,f16c,popcnt")
#define UNSUPERPOSE_BEGIN_AVX512 \
  UNSUPERPOSE_BEGIN_TARGET_("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,popcnt")
#endif

#if defined(__aarch64__)
#include <arm_neon.h>
#define UNSUPERPOSE_HAS_NEON 1  // part of the architecture: needs no region
#endif

#define UNSUPERPOSE_INLINE inline __attribute__((always_inline))

// Before a short loop over an array that is to live in registers. GCC unrolls such a loop by itself, but too late to forget the array:
// for Arm it then keeps a copy of it in memory, written at every step.
#if defined(__GNUC__) && !defined(__clang__)
#define UNSUPERPOSE_UNROLL _Pragma("GCC unroll 32")
#else
#define UNSUPERPOSE_UNROLL
#endif
