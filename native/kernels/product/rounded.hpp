// The kernels of the rounded precisions, all of them. A kernel is a file of its own, `<name>.cpp`, which defines
// `const RoundedKernels kKernels` in the namespace product::<name>, and a line here:
//   KERNELS(name, precision, level, what the processor must have besides)
// The first line that fits is taken. Kernels without `multiply` stand for a compiler that cannot build them.
#pragma once
#include "precision.hpp"

#if defined(__x86_64__)
#define UNSUPERPOSE_ROUNDED_KERNELS(KERNELS)             \
  KERNELS(amx_bf16, bfloat16, avx512, amx_bf16)          \
  KERNELS(amx_int8, int8, avx512, amx_int8)              \
  KERNELS(avx512_bf16, bfloat16, avx512, avx512_bf16)    \
  KERNELS(avx512_vnni_int16, int16, avx512, avx512_vnni) \
  KERNELS(avx512_int16, int16, avx512, none)             \
  KERNELS(avx512_int8, int8, avx512, avx512_vnni)        \
  KERNELS(avx2_int16, int16, avx2, none)                 \
  KERNELS(avx2_vnni_int8, int8, avx2, avx_vnni)          \
  KERNELS(avx2_int8, int8, avx2, none)
#elif defined(__aarch64__)
#define UNSUPERPOSE_ROUNDED_KERNELS(KERNELS) \
  KERNELS(neon_bf16, bfloat16, neon, bf16)   \
  KERNELS(neon_int8, int8, neon, dotprod)    \
  KERNELS(neon_smlal_int8, int8, neon, none)
#else
#define UNSUPERPOSE_ROUNDED_KERNELS(KERNELS)
#endif

namespace unsuperpose::product {

#define UNSUPERPOSE_DECLARE_KERNELS_(name, precision, level, needs) \
  namespace name {                                                  \
  extern const RoundedKernels kKernels;                             \
  }
UNSUPERPOSE_ROUNDED_KERNELS(UNSUPERPOSE_DECLARE_KERNELS_)
#undef UNSUPERPOSE_DECLARE_KERNELS_

}  // namespace unsuperpose::product
