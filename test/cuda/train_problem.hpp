// The autoencoders that test/cuda/train.cpp trains for a step, and what they start from.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "../../native/cuda/abi.h"

namespace training {

inline constexpr double kHalf = 0x1.0p-24;  // of a float32's last place, relative

struct Problem {
  const char* name;
  std::size_t samples, features, inputs, outputs, k;
  bool transcoder = false, aligned = false;
  double clip = std::numeric_limits<double>::infinity();
  std::size_t dead = 0;  // of the features
  std::size_t auxiliary_k = 5;
  enum Kind { plain, tied, dense, negative, none } kind = plain;
  UnsuperposeCudaArchitecture architecture = UNSUPERPOSE_CUDA_TOP_K;
  double target_l0 = 0;
  unsigned seed = 1;
  bool jumps() const { return architecture == UNSUPERPOSE_CUDA_JUMP_RELU; }
  std::size_t width() const { return inputs + (jumps() ? 2 : 1); }
};

/// A tensor with its moments, dense.
struct Tensor {
  std::size_t rows = 0, cols = 0;
  std::vector<float> values, first, second;
  void draw(std::size_t rows_, std::size_t cols_, std::mt19937& random, float size) {
    rows = rows_;
    cols = cols_;
    std::normal_distribution<float> normal;
    for (std::vector<float>* part : {&values, &first, &second}) part->resize(rows * cols);
    for (float& v : values) v = size * normal(random);
    for (float& v : first) v = 1e-3f * normal(random);
    for (float& v : second) v = 1e-4f * (1 + std::fabs(normal(random)));
  }
  UnsuperposeCudaTensor view() { return {values.data(), first.data(), second.data(), rows, cols, cols}; }
};

struct State {
  Tensor encoder, decoder, bias, threshold;
  std::vector<std::uint64_t> last_used, usage;
  std::vector<std::uint32_t> dead;
  UnsuperposeCudaTrained view() {
    return {encoder.view(),   decoder.view(), bias.view(), threshold.view(),
            last_used.data(), usage.data(),   dead.data(), dead.size()};
  }
  bool operator==(const State& other) const {
    const auto same = [](const Tensor& a, const Tensor& b) {
      return a.values == b.values && a.first == b.first && a.second == b.second;
    };
    return same(encoder, other.encoder) && same(decoder, other.decoder) && same(bias, other.bias) &&
           same(threshold, other.threshold) && last_used == other.last_used && usage == other.usage &&
           dead == other.dead;
  }
};

inline constexpr std::uint64_t kStep = 21, kDeadAfter = 10;
inline constexpr float kRate = 1e-3f, kBeta1 = 0.9f, kBeta2 = 0.99f, kCorrection = 1.25f, kEpsilon = 1e-6f;
inline constexpr double kInputScale = 1.7, kTargetScale = 1.7, kOtherScale = 0.6;
inline constexpr double kLambda = 0.3;
inline constexpr float kBandwidth = 0.7f;

inline State start(const Problem& p, std::mt19937& random) {
  State s;
  const std::size_t width = p.width();
  s.encoder.draw(p.features, width, random, 1 / std::sqrt(static_cast<float>(p.inputs)));
  s.decoder.draw(p.features, p.outputs, random, 1);
  s.bias.draw(1, p.outputs, random, 0.1f);
  for (std::size_t j = 0; j < p.features; ++j) {
    float* row = &s.decoder.values[j * p.outputs];
    double squared = 0;
    for (std::size_t d = 0; d < p.outputs; ++d)
      squared += static_cast<double>(row[d]) * static_cast<double>(row[d]);
    for (std::size_t d = 0; d < p.outputs; ++d) row[d] = static_cast<float>(row[d] / std::sqrt(squared));
    s.encoder.values[j * width + p.inputs] *= 0.2f;
  }
  // Every third feature is like the one before it: only their numbers tell which is active.
  if (p.kind == Problem::tied)
    for (std::size_t j = 2; j < p.features; j += 3)
      std::copy_n(&s.encoder.values[(j - 1) * width], width, &s.encoder.values[j * width]);
  for (std::size_t j = 0; j < p.features; ++j) {
    float& b = s.encoder.values[j * width + p.inputs];
    if (p.kind == Problem::dense && j == p.features / 2) b = 60;   // of all samples
    if (p.kind == Problem::dense && j == p.features / 3) b = -60;  // of none
    if (p.kind == Problem::negative && j % 4 != 0) b = -60;
    if (p.kind == Problem::none) b = -60;
  }
  if (p.jumps()) {
    s.threshold.draw(1, p.features, random, 0.5f);
    for (std::size_t j = 0; j < p.features; ++j) {
      float& v = s.threshold.values[j];
      v = j % 7 == 0 ? 0.0f : std::fabs(v) + 0.3f;
      // The entry that only selects has no gradient, and so no moments.
      const std::size_t at = j * width + p.inputs + 1;
      s.encoder.values[at] = kBandwidth / 2 - v;
      s.encoder.first[at] = s.encoder.second[at] = 0;
    }
  }
  s.last_used.assign(p.features, kStep - 1);
  s.usage.assign(p.features, 7);
  for (std::size_t i = 0; i < p.dead; ++i) {
    const auto j = static_cast<std::uint32_t>(i * p.features / p.dead);
    s.last_used[j] = i % 2;
    s.dead.push_back(j);
  }
  return s;
}

}  // namespace training
