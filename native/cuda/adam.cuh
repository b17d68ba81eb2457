// One step of Adam on four entries, as native/kernels/adam/ has it: every operation rounds once.
#pragma once
#include "train.hpp"

namespace unsuperpose::cuda {

/// gradient · factor is what counts. Moments are read and written past the cache.
DEVICE void step_of(const Adam& adam, float factor, const float (&gradient)[4], float (&values)[4],
                    float* first, float* second) {
  float m[4], v[4];
  load_four_once(m, first);
  load_four_once(v, second);
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) {
    const float g = gradient[i] * factor;
    m[i] = fmaf(1 - adam.beta1, g - m[i], m[i]);
    v[i] = fmaf(1 - adam.beta2, g * g - v[i], v[i]);
    values[i] -= m[i] * adam.rate / (sqrtf(v[i]) * adam.correction + adam.epsilon);
  }
  store_four_once(first, m);
  store_four_once(second, v);
}

}  // namespace unsuperpose::cuda
