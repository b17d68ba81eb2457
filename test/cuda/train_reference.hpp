// The step that test/cuda/train.cpp compares a device with: in float64, one loop after the other, with bounds from how float32 sums round.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "train_problem.hpp"

namespace training {

/// What the step must come to, and how far a value may be from it.
struct Expected {
  struct Values {
    std::vector<double> values, first, second, values_off, first_off, second_off;
  };
  Values encoder, decoder, bias, threshold;
  std::vector<std::uint64_t> last_used, usage;
  std::vector<std::uint32_t> dead;
  double loss = 0, squared_residual = 0, gradient_norm = 0, weakest = 0;
  std::uint64_t active = 0;
};

/// A sum with what rounding may make of it: of `terms` terms of such sizes.
struct Sum {
  double value = 0, size = 0;
  void add(double term) {
    value += term;
    size += std::fabs(term);
  }
};

struct Chosen {
  std::vector<std::size_t> features;
  std::vector<double> values;
};

inline double score(const Problem& p, const State& s, const std::vector<float>& x, std::size_t j) {
  double h = static_cast<double>(s.encoder.values[j * p.width() + p.inputs]);
  for (std::size_t d = 0; d < p.inputs; ++d)
    h += static_cast<double>(s.encoder.values[j * p.width() + d]) * static_cast<double>(x[d]);
  return h;
}

inline Chosen strongest(const Problem& p, const State& s, const std::vector<float>& x, std::size_t k,
                        const std::vector<std::uint32_t>* among) {
  std::vector<std::pair<double, std::size_t>> all;
  const std::size_t n = among ? among->size() : s.encoder.rows;
  for (std::size_t c = 0; c < n; ++c) {
    const std::size_t j = among ? (*among)[c] : c;
    all.emplace_back(-score(p, s, x, j), j);
  }
  std::sort(all.begin(), all.end());
  all.resize(std::min(k, all.size()));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  Chosen chosen;
  for (const auto& [h, j] : all)
    if (h < 0) {
      chosen.features.push_back(j);
      chosen.values.push_back(static_cast<double>(static_cast<float>(-h)));
    }
  return chosen;
}

/// What each sample's entries are: of jump_relu with those near their thresholds, whose values are h.
inline std::vector<Chosen> select(const Problem& p, const State& s,
                                  const std::vector<std::vector<float>>& inputs) {
  std::vector<Chosen> all(p.samples);
  if (p.architecture == UNSUPERPOSE_CUDA_TOP_K) {
    for (std::size_t i = 0; i < p.samples; ++i) all[i] = strongest(p, s, inputs[i], p.k, nullptr);
    return all;
  }
  struct Entry {
    float value;
    std::size_t sample, feature;
  };
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < p.samples; ++i)
    for (std::size_t j = 0; j < p.features; ++j) {
      const double h = score(p, s, inputs[i], j);
      const bool there =
          p.jumps() ? h + static_cast<double>(s.encoder.values[j * p.width() + p.inputs + 1]) > 0 : h > 0;
      if (there) entries.push_back({static_cast<float>(h), i, j});
    }
  if (!p.jumps() && entries.size() > p.k * p.samples) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return a.value > b.value; });
    entries.resize(p.k * p.samples);
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return a.sample != b.sample ? a.sample < b.sample : a.feature < b.feature;
    });
  }
  for (const Entry& entry : entries) {
    all[entry.sample].features.push_back(entry.feature);
    all[entry.sample].values.push_back(static_cast<double>(entry.value));
  }
  return all;
}

/// Adam on a tensor, from gradients with their errors.
inline void adam(const Tensor& at, const std::vector<double>& gradient, const std::vector<double>& off,
                 double factor, Expected::Values& to) {
  const std::size_t n = at.values.size();
  for (std::vector<double>* part :
       {&to.values, &to.first, &to.second, &to.values_off, &to.first_off, &to.second_off})
    part->resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double g = factor * gradient[i], g_off = factor * off[i] + 3 * kHalf * std::fabs(g);
    const double m0 = static_cast<double>(at.first[i]), v0 = static_cast<double>(at.second[i]);
    const double b1 = static_cast<double>(1 - kBeta1), b2 = static_cast<double>(1 - kBeta2);
    const double m = m0 + b1 * (g - m0), v = v0 + b2 * (g * g - v0);
    const double m_off = b1 * g_off + 4 * kHalf * (std::fabs(m0) + std::fabs(g));
    const double v_off = b2 * (2 * std::fabs(g) + g_off) * g_off + 4 * kHalf * (v0 + g * g);
    const double root = std::sqrt(v) * static_cast<double>(kCorrection),
                 below = root + static_cast<double>(kEpsilon);
    const double change = static_cast<double>(kRate) * m / below;
    const double change_off =
        static_cast<double>(kRate) * m_off / below + std::fabs(change) * (v_off / (2 * v) + 8 * kHalf);
    to.first[i] = m;
    to.first_off[i] = m_off;
    to.second[i] = v;
    to.second_off[i] = v_off;
    to.values[i] = static_cast<double>(at.values[i]) - change;
    to.values_off[i] = 2 * change_off + 2 * kHalf * (std::fabs(to.values[i]) + std::fabs(change));
  }
}

inline Expected expect(const Problem& p, const State& s, const std::vector<float>& input,
                       const std::vector<float>& target) {
  const std::size_t n = p.samples, in = p.inputs, out = p.outputs, width = p.width();
  const double mean = 1 / static_cast<double>(n);
  Expected e;
  // The gradients as sums, and the same of the parts of the dead.
  std::vector<Sum> by_encoder(p.features * width), by_decoder(p.features * out), by_bias(out),
      by_threshold(p.features);
  std::vector<std::size_t> uses(p.features);
  e.usage = s.usage;
  e.last_used = s.last_used;
  double squares = 0, dead_squares = 0;
  e.weakest = std::numeric_limits<double>::infinity();
  const double share =
      s.dead.empty() ? 0
                     : static_cast<double>(static_cast<float>(std::min(
                           1.0, static_cast<double>(s.dead.size()) / static_cast<double>(p.auxiliary_k))));
  const double target_scale = p.transcoder ? kOtherScale : kTargetScale;
  std::vector<std::vector<float>> inputs(n, std::vector<float>(in));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t d = 0; d < in; ++d) {
      inputs[i][d] = static_cast<float>(static_cast<double>(input[i * in + d]) * kInputScale);
      if (!p.transcoder) inputs[i][d] -= s.bias.values[d];
    }
  const std::vector<Chosen> selected = select(p, s, inputs);
  const auto active = [&](std::size_t j, double h) {
    return !p.jumps() || h > static_cast<double>(s.threshold.values[j]) ? h : 0.0;
  };
  for (const Chosen& chosen : selected)
    for (std::size_t c = 0; c < chosen.features.size(); ++c) {
      const double a = active(chosen.features[c], chosen.values[c]);
      if (!(a > 0)) continue;
      ++e.active;
      ++e.usage[chosen.features[c]];
      e.last_used[chosen.features[c]] = kStep;
      e.weakest = std::min(e.weakest, a);
    }
  const double l0 = static_cast<double>(e.active) * mean, off_target = l0 / p.target_l0 - 1;
  const double price = p.target_l0 > 0 ? 2 * kLambda * off_target / p.target_l0 : kLambda;
  for (std::size_t i = 0; i < n; ++i) {
    const std::vector<float>& x = inputs[i];
    std::vector<double> residual(out);
    for (std::size_t d = 0; d < out; ++d) {
      const float given = p.transcoder ? target[i * out + d] : input[i * in + d];
      const auto y = static_cast<float>(static_cast<double>(given) * target_scale);
      residual[d] = static_cast<double>(y - s.bias.values[d]);
    }
    const auto pass = [&](const Chosen& chosen, std::vector<double>& left, double weight) {
      for (std::size_t c = 0; c < chosen.features.size(); ++c)
        for (std::size_t d = 0; d < out; ++d)
          left[d] -= active(chosen.features[c], chosen.values[c]) *
                     static_cast<double>(s.decoder.values[chosen.features[c] * out + d]);
      double squared = 0;
      for (const double v : left) squared += v * v;
      for (std::size_t c = 0; c < chosen.features.size(); ++c) {
        const std::size_t j = chosen.features[c];
        double pull = 0;
        for (std::size_t d = 0; d < out; ++d)
          pull -= left[d] * static_cast<double>(s.decoder.values[j * out + d]);
        pull *= weight;
        ++uses[j];
        if (p.jumps()) {
          const double threshold = static_cast<double>(s.threshold.values[j]), h = chosen.values[c];
          const double bandwidth = static_cast<double>(kBandwidth);
          if (std::fabs(h - threshold) < bandwidth / 2) {
            by_threshold[j].value -= mean * (threshold * pull + price) / bandwidth;
            by_threshold[j].size += mean * (threshold * std::sqrt(squared) + std::fabs(price)) / bandwidth;
          }
          if (!(active(j, h) > 0)) continue;
        }
        // A pull is a sum of `out` products, each with a rounded residual: its size counts, not its value.
        const double pull_size = weight * std::sqrt(squared);
        for (std::size_t d = 0; d <= in; ++d) {
          const double entry = d < in ? static_cast<double>(x[d]) : 1;
          Sum& sum = by_encoder[j * width + d];
          sum.value += mean * pull * entry;
          sum.size += mean * pull_size * std::fabs(entry);
          if (d < out && !p.transcoder && d == 0)
            for (std::size_t o = 0; o < out; ++o) {
              const double w = static_cast<double>(s.encoder.values[j * width + o]);
              by_bias[o].value -= mean * pull * w;
              by_bias[o].size += mean * pull_size * std::fabs(w);
            }
        }
        for (std::size_t d = 0; d < out; ++d)
          by_decoder[j * out + d].add(-mean * weight * chosen.values[c] * left[d]);
      }
      return squared;
    };
    squares += pass(selected[i], residual, 1);
    for (std::size_t d = 0; d < out; ++d) by_bias[d].add(-mean * residual[d]);
    if (s.dead.empty()) continue;
    std::vector<double> left(residual);
    for (double& v : left) v = static_cast<double>(static_cast<float>(v));
    dead_squares += pass(strongest(p, s, x, std::min(p.auxiliary_k, s.dead.size()), &s.dead), left, share);
  }
  if (e.active == 0) e.weakest = 0;
  for (std::uint32_t j = 0; j < p.features; ++j)
    if (kStep - e.last_used[j] >= kDeadAfter) e.dead.push_back(j);
  e.squared_residual = squares;
  e.loss = (squares + share * dead_squares) / 2 / static_cast<double>(n);
  if (p.jumps()) e.loss += p.target_l0 > 0 ? kLambda * off_target * off_target : kLambda * l0;

  const auto split = [](const std::vector<Sum>& sums, double terms, std::vector<double>& values,
                        std::vector<double>& off) {
    values.resize(sums.size());
    off.resize(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      values[i] = sums[i].value;
      off[i] = (terms + 8) * 2 * kHalf * sums[i].size;
    }
  };
  const auto most = static_cast<double>(*std::max_element(uses.begin(), uses.end()));
  std::vector<double> encoder, decoder, bias, threshold, encoder_off, decoder_off, bias_off, threshold_off;
  split(by_encoder, most, encoder, encoder_off);
  split(by_decoder, most, decoder, decoder_off);
  split(by_bias, static_cast<double>(n + p.features), bias, bias_off);
  split(by_threshold, most, threshold, threshold_off);
  if (!p.jumps()) threshold.clear();
  double square = 0;
  for (std::size_t j = 0; j < p.features; ++j) {
    double along = 0, along_off = 0;
    for (std::size_t d = 0; d < out; ++d) {
      const double v = static_cast<double>(s.decoder.values[j * out + d]);
      along += decoder[j * out + d] * v;
      along_off += (decoder_off[j * out + d] + 4 * kHalf * std::fabs(decoder[j * out + d])) * std::fabs(v);
    }
    for (std::size_t d = 0; d < out; ++d) {
      const double v = static_cast<double>(s.decoder.values[j * out + d]);
      decoder[j * out + d] -= along * v;
      decoder_off[j * out + d] += (along_off + 4 * kHalf * std::fabs(along)) * std::fabs(v);
    }
  }
  for (const std::vector<double>* part : {&encoder, &decoder, &bias, &threshold})
    for (const double v : *part) square += v * v;
  const double relative = 2 / static_cast<double>(out);
  e.gradient_norm = relative * std::sqrt(square);
  const double factor = relative * std::min(1.0, p.clip / e.gradient_norm);
  adam(s.encoder, encoder, encoder_off, factor, e.encoder);
  adam(s.decoder, decoder, decoder_off, factor, e.decoder);
  adam(s.bias, bias, bias_off, factor, e.bias);
  if (p.jumps()) {
    adam(s.threshold, threshold, threshold_off, factor, e.threshold);
    for (std::size_t j = 0; j < p.features; ++j) {
      double& v = e.threshold.values[j];
      v = std::max(0.0, v);
      e.encoder.values[j * width + in + 1] = static_cast<double>(kBandwidth) / 2 - v;
      e.encoder.values_off[j * width + in + 1] = e.threshold.values_off[j] + 4 * kHalf * (1 + v);
    }
  }
  for (std::size_t j = 0; j < p.features; ++j) {
    double squared = 0, off = 0;
    for (std::size_t d = 0; d < out; ++d) {
      squared += e.decoder.values[j * out + d] * e.decoder.values[j * out + d];
      off += std::fabs(e.decoder.values[j * out + d]) * e.decoder.values_off[j * out + d];
    }
    const double length = std::sqrt(squared);
    for (std::size_t d = 0; d < out; ++d) {
      double& v = e.decoder.values[j * out + d];
      v /= length;
      double& v_off = e.decoder.values_off[j * out + d];
      v_off = v_off / length + std::fabs(v) * (off / squared + 4 * kHalf);
    }
    if (!p.aligned) continue;
    double product = 0, product_off = 0;
    for (std::size_t d = 0; d < in; ++d) {
      const double w = e.encoder.values[j * width + d], v = e.decoder.values[j * out + d];
      product += w * v;
      product_off += e.encoder.values_off[j * width + d] * std::fabs(v) +
                     std::fabs(w) * e.decoder.values_off[j * out + d];
    }
    for (std::size_t d = 0; d < in; ++d) {
      const double v = e.decoder.values[j * out + d];
      e.encoder.values[j * width + d] += (1 - product) * v;
      e.encoder.values_off[j * width + d] +=
          (product_off + 4 * kHalf * std::fabs(1 - product)) * std::fabs(v) +
          std::fabs(1 - product) * e.decoder.values_off[j * out + d] +
          2 * kHalf * std::fabs(e.encoder.values[j * width + d]);
    }
  }
  return e;
}

}  // namespace training
