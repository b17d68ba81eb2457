#include "toy_features.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../core/aligned.hpp"

namespace unsuperpose {
namespace {

using draw::kPanel;

/// splitmix64's output function (Steele, Lea & Flood 2014)
std::uint64_t scramble(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// What a row of draws is for: each purpose has keys of its own.
enum class Purpose : std::uint64_t { activity, group, value, angle };

constexpr double kDraws = 0x1.0p31;

/// active where low ≤ u/2³¹ < high
draw::Draw make_draw(std::uint64_t seed, Purpose purpose, std::size_t index, double low, double high) {
  const std::uint64_t row = static_cast<std::uint64_t>(purpose) << 40 | index;
  const std::uint64_t key = scramble(scramble(seed) ^ scramble(row));
  const float from = static_cast<float>(low * kDraws);
  // u is rounded to float32, up to 2³¹ itself: a feature that is always active has no upper end
  const float to = high >= 1 ? std::numeric_limits<float>::infinity() : static_cast<float>(high * kDraws);
  const float width = high >= 1 ? static_cast<float>(kDraws) - from : to - from;
  return {static_cast<std::uint32_t>(key),
          static_cast<std::uint32_t>(key >> 32),
          from > 0 ? std::nextafterf(from, -1.0f) : -1.0f,
          to,
          from,
          width > 0 ? 1 / width : 0};
}

float normal(float u, float v) {
  constexpr float kTwoPi = 6.28318531f, kLeast = 0x1.0p-32f;
  return std::sqrt(-2 * logf(std::max(1 - u, kLeast))) * cosf(kTwoPi * v);
}

/// Each panel of all samples, in blocks of kSamplesAStep: receive(first sample, valid, x, active).
template <class Receive>
void for_each_panel(const ToySampler& sampler, std::size_t samples, std::size_t block,
                    const Receive& receive) {
  const std::size_t n = sampler.features(), first = block * kSamplesAStep;
  AlignedBuffer<float> x(n * kPanel);
  std::vector<std::uint32_t> active(n);
  for (std::size_t s = 0; s < kSamplesAStep && first + s < samples; s += kPanel) {
    const std::size_t valid = std::min(kPanel, samples - first - s);
    sampler.panel(block, static_cast<std::uint32_t>(s), valid, x.data(), active.data());
    receive(first + s, valid, x.data(), active.data());
  }
}

std::size_t blocks_of(std::size_t samples) { return (samples + kSamplesAStep - 1) / kSamplesAStep; }

}  // namespace

Status ToySampler::make(const ToyFeatures& features, std::uint64_t seed, std::uint32_t instance,
                        ToySampler& out) {
  const std::size_t n = features.density.size();
  out = {};
  out.key_ = scramble(scramble(~seed) + instance);
  out.lognormal_ = features.lognormal;
  out.location_ = static_cast<float>(features.location);
  out.scale_ = static_cast<float>(features.scale);
  std::vector<double> taken(features.exclusive.size(), 0);  // of an exclusive group's unit interval
  std::vector<std::uint32_t> depth(n, 0);
  std::uint32_t deepest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double low = 0, high = features.density[i];
    Purpose purpose = Purpose::activity;
    std::size_t source = i;
    if (const std::uint32_t group = features.group[i]; group != kNone) {
      purpose = Purpose::group;
      source = group;
      if (features.exclusive[group]) {
        low = taken[group];
        high = taken[group] += features.density[i];
      }
    }
    if (const std::uint32_t parent = features.parent[i]; parent != kNone) {
      const double above = features.density[parent];
      high = above > 0 ? std::min(1.0, high / above) : 0;
      for (std::uint32_t at = parent; at != kNone; at = features.parent[at])
        if (++depth[i] > n) return Status::fail(Code::option, "parents go in a circle");
      deepest = std::max(deepest, depth[i]);
    }
    out.draws_.push_back(make_draw(seed, purpose, source, low, high));
    if (features.lognormal || features.group[i] != kNone)
      out.values_.push_back(
          {static_cast<std::uint32_t>(i),
           {make_draw(seed, Purpose::value, i, 0, 1), make_draw(seed, Purpose::angle, i, 0, 1)}});
  }
  for (std::uint32_t level = 1; level <= deepest; ++level)
    for (std::size_t i = 0; i < n; ++i)
      if (depth[i] == level) out.children_.push_back({static_cast<std::uint32_t>(i), features.parent[i]});
  return {};
}

void ToySampler::panel(std::uint64_t step, std::uint32_t first, std::size_t valid, float* x,
                       std::uint32_t* active) const {
  const draw::Table& kernels = draw::table();
  const std::uint64_t key = scramble(key_ + step);
  const auto key0 = static_cast<std::uint32_t>(key), key1 = static_cast<std::uint32_t>(key >> 32);
  kernels.draw(draws_.data(), draws_.size(), key0, key1, first, x, active);
  if (children_.empty() && values_.empty() && valid >= kPanel) return;
  for (const Child& child : children_) active[child.feature] &= active[child.parent];
  for (const Value& value : values_) {
    if (active[value.feature] == 0) continue;
    float drawn[2 * kPanel];
    std::uint32_t positive[2];
    kernels.draw(value.draws, lognormal_ ? 2 : 1, key0, key1, first, drawn, positive);
    float* row = x + value.feature * kPanel;
    if (!lognormal_) active[value.feature] &= positive[0];
    for (std::uint32_t bits = active[value.feature]; bits != 0; bits &= bits - 1) {
      const int s = __builtin_ctz(bits);
      row[s] = lognormal_ ? expf(location_ + scale_ * normal(drawn[s], drawn[kPanel + s])) : drawn[s];
    }
  }
  const std::uint32_t inside = valid < kPanel ? (std::uint32_t{1} << valid) - 1 : ~std::uint32_t{0};
  for (std::size_t i = 0; i < draws_.size(); ++i) {
    active[i] &= inside;
    for (std::uint32_t off = ~active[i]; off != 0; off &= off - 1) x[i * kPanel + __builtin_ctz(off)] = 0;
  }
}

Status sample_features(const ToyFeatures& features, std::uint64_t seed, const Execution& execution,
                       Matrix32 out) {
  ToySampler sampler;
  if (Status status = ToySampler::make(features, seed, 0, sampler); !status.ok()) return status;
  execution.for_each(blocks_of(out.rows), [&](std::size_t block) {
    for_each_panel(sampler, out.rows, block,
                   [&](std::size_t first, std::size_t valid, const float* x, const std::uint32_t*) {
                     for (std::size_t s = 0; s < valid; ++s)
                       for (std::size_t i = 0; i < out.cols; ++i) out.row(first + s)[i] = x[i * kPanel + s];
                   });
  });
  return {};
}

Status sample_features(const ToyFeatures& features, std::uint64_t seed, std::size_t samples,
                       const Execution& execution, SparseCodes& out) {
  ToySampler sampler;
  if (Status status = ToySampler::make(features, seed, 0, sampler); !status.ok()) return status;
  struct Part {
    std::vector<std::uint32_t> counts, indices;
    std::vector<float> values;
  };
  std::vector<Part> parts(blocks_of(samples));
  execution.for_each(parts.size(), [&](std::size_t block) {
    Part& part = parts[block];
    for_each_panel(sampler, samples, block,
                   [&](std::size_t, std::size_t valid, const float* x, const std::uint32_t* active) {
                     for (std::size_t s = 0; s < valid; ++s) {
                       const std::size_t before = part.indices.size();
                       for (std::size_t i = 0; i < sampler.features(); ++i)
                         if (active[i] >> s & 1) {
                           part.indices.push_back(static_cast<std::uint32_t>(i));
                           part.values.push_back(x[i * kPanel + s]);
                         }
                       part.counts.push_back(static_cast<std::uint32_t>(part.indices.size() - before));
                     }
                   });
  });
  std::size_t entries = 0;
  for (const Part& part : parts) entries += part.indices.size();
  if (entries >= kNone)
    return Status::fail(Code::too_large, "the samples hold more than 2³² − 2 active features");
  out.indptr.assign(1, 0);
  out.indptr.reserve(samples + 1);
  out.indices.clear();
  out.indices.reserve(entries);
  out.values.clear();
  out.values.reserve(entries);
  for (Part& part : parts) {
    for (const std::uint32_t count : part.counts) out.indptr.push_back(out.indptr.back() + count);
    out.indices.insert(out.indices.end(), part.indices.begin(), part.indices.end());
    out.values.insert(out.values.end(), part.values.begin(), part.values.end());
    part = {};
  }
  return {};
}

}  // namespace unsuperpose
