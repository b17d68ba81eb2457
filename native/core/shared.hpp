// Marks functions that kernels use too (native/cuda): plain functions everywhere else.
#pragma once
#ifdef __CUDACC__
#define UNSUPERPOSE_SHARED __host__ __device__
#else
#define UNSUPERPOSE_SHARED
#endif
