#include "lista_backward.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"

namespace unsuperpose::lista {

namespace {

float sign(float value) { return value > 0 ? 1.0f : -1.0f; }

}  // namespace

Tensors::Tensors(const ListaParameters& p) {
  const bool pair = p.weights == ListaWeights::pair;
  const std::size_t matrices = pair || p.weights == ListaWeights::layers ? p.layers : 1;
  for (std::size_t k = 0; k < matrices; ++k) forward.emplace_back(p.features, p.dims);
  for (std::size_t k = 0; pair && k < p.layers; ++k) recurrent.emplace_back(p.features, p.features);
  if (p.weights == ListaWeights::hyper) return;
  step = Rows(1, p.layers);
  threshold = Rows(1, p.layers);
}

ConstMatrix32 Pass::Call::rows(const Rows& of, std::size_t b) const {
  return of.view().slice(b * block, std::min(block, samples.x.count - b * block));
}

/// Where a block's residuals before a layer ≥ 1 stand.
Matrix32 Pass::residual_rows(const Call& call, std::size_t layer, std::size_t b) const {
  const Rows& all = layer <= kept_count_ ? kept_[layer - 1] : again_[layer % 2];
  return all.edit().slice(b * call.block, std::min(call.block, call.samples.x.count - b * call.block));
}

void Pass::residual_block(const Call& call, std::size_t layer, std::size_t b) const {
  if (layer <= kept_count_) return;  // before the first layer it is x'
  residuals(call.network, call.rows(call.samples.x, b), blocks_[b].trace.codes[layer - 1],
            residual_rows(call, layer, b));
}

void Pass::measure_block(const Call& call, std::size_t b) {
  Block& block = blocks_[b];
  block.errors.assign(call.depth, 0);
  block.base = 0;
  const ConstMatrix32 x = call.rows(call.samples.x, b);
  if (call.supervised()) {
    const Codes& truth = call.samples.truth;
    std::vector<float> dense(call.network.at.features, 0);
    for (std::size_t i = 0; i < x.rows; ++i) {
      const std::size_t first = truth.begin[b * call.block + i], end = truth.begin[b * call.block + i + 1];
      double all = 0;
      for (std::size_t e = first; e < end; ++e) {
        dense[truth.index[e]] = truth.value[e];
        all += static_cast<double>(truth.value[e]) * static_cast<double>(truth.value[e]);
      }
      block.base += all;
      for (std::size_t k = 0; k < call.depth; ++k) {
        const Codes& codes = block.trace.codes[k];
        double error = all;  // (a − t)² − t² = a(a − 2t)
        for (std::size_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e) {
          const double a = static_cast<double>(codes.value[e]);
          error += a * (a - 2 * static_cast<double>(dense[codes.index[e]]));
        }
        block.errors[k] += std::max(0.0, error);
      }
      for (std::size_t e = first; e < end; ++e) dense[truth.index[e]] = 0;
    }
    return;
  }
  Rows scratch;
  for (std::size_t i = 0; i < x.rows; ++i) block.base += reduce::table().squared_norm(x.row(i), x.cols) / 2;
  for (std::size_t k = 0; k < call.depth; ++k) {
    const Codes& codes = block.trace.codes[k];
    ConstMatrix32 r;
    if (k < kept_count_) {
      r = residual_rows(call, k + 1, b);
    } else {
      if (scratch.count == 0) scratch = Rows(x.rows, x.cols);
      residuals(call.network, x, codes, scratch.edit());
      r = scratch.edit();
    }
    for (std::size_t i = 0; i < x.rows; ++i) {
      double error = reduce::table().squared_norm(r.row(i), r.cols) / 2;
      for (std::size_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e)
        error += static_cast<double>(call.objective.penalty[codes.index[e]]) *
                 std::fabs(static_cast<double>(codes.value[e]));
      block.errors[k] += error;
    }
  }
}

/// `kept`: residuals before the layers 1 … kept, and after the last layer, are kept.
Status Pass::forward(const Call& call, std::size_t kept, Outcome& outcome) {
  const std::size_t samples = call.samples.x.count;
  if (blocks_.size() < call.blocks) blocks_.resize(call.blocks);
  kept_count_ = kept;
  if (kept_.size() < kept) kept_.resize(kept);
  for (std::size_t k = 0; k < kept; ++k) {
    if (kept_[k].cols != call.network.at.dims) kept_[k] = Rows(0, call.network.at.dims);
    kept_[k].grow(samples);
  }
  call.execution.for_each(call.blocks, [&](std::size_t b) {
    Block& block = blocks_[b];
    Codes last;
    const ConstMatrix32 x = call.rows(call.samples.x, b);
    block.trace.residuals.clear();
    for (std::size_t k = 1; k <= kept; ++k) block.trace.residuals.push_back(residual_rows(call, k, b));
    const std::size_t overflow = run_layers(call.network, x, call.depth, last, &block.trace);
    block.overflow = overflow < x.rows ? b * call.block + overflow : samples;
    measure_block(call, b);
  });
  if (call.execution.cancelled()) return Status::cancelled();
  outcome.errors.assign(call.depth, 0);
  outcome.base = 0;
  outcome.overflow = samples;
  for (std::size_t b = 0; b < call.blocks; ++b) {
    outcome.base += blocks_[b].base;
    outcome.overflow = std::min(outcome.overflow, blocks_[b].overflow);
    for (std::size_t k = 0; k < call.depth; ++k) outcome.errors[k] += blocks_[b].errors[k];
  }
  double sum = outcome.errors.back();
  if (call.objective.every)
    sum =
        std::accumulate(outcome.errors.begin(), outcome.errors.end(), 0.0) / static_cast<double>(call.depth);
  outcome.loss = (call.supervised() ? sum / 2 : sum) / static_cast<double>(samples);
  return {};
}

Status Pass::measure(const Network& network, const Objective& objective, const Samples& samples,
                     std::size_t depth, const Execution& execution, Outcome& outcome) {
  const std::size_t block = block_rows(network), blocks = (samples.x.count + block - 1) / block;
  return forward({network, objective, samples, depth, block, blocks, execution}, 0, outcome);
}

/// The gradient by the codes after a layer of this layer's own loss: in place of what is there for the last layer, else added to it.
void Pass::add_loss(const Call& call, std::size_t layer, std::size_t b) {
  const Codes& codes = blocks_[b].trace.codes[layer];
  float* pull = pull_[layer % 2].data() + offset_[layer][b];
  const bool last = layer + 1 == call.depth;
  if (!last && !call.objective.every) return;
  if (last) std::fill_n(pull, codes.index.size(), 0.0f);
  const double losses = static_cast<double>(call.samples.x.count) *
                        (call.objective.every ? static_cast<double>(call.depth) : 1.0);
  const auto share = static_cast<float>(1 / losses);
  if (call.supervised()) {
    const Codes& truth = call.samples.truth;
    std::vector<float> dense(call.network.at.features, 0);
    for (std::size_t i = 0; i < codes.samples(); ++i) {
      const std::size_t first = truth.begin[b * call.block + i], end = truth.begin[b * call.block + i + 1];
      for (std::size_t e = first; e < end; ++e) dense[truth.index[e]] = truth.value[e];
      for (std::size_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e)
        pull[e] += share * (codes.value[e] - dense[codes.index[e]]);
      for (std::size_t e = first; e < end; ++e) dense[truth.index[e]] = 0;
    }
    return;
  }
  const ConstMatrix32 r = residual_rows(call, layer + 1, b);
  std::vector<const float*> rows;
  std::vector<float> along;
  for (std::size_t i = 0; i < codes.samples(); ++i) {
    rows.clear();
    for (std::size_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e)
      rows.push_back(call.network.dictionary().row(codes.index[e]));
    along.resize(rows.size());
    dots::table().correlate32(rows.data(), rows.size(), r.row(i), r.stride, along.data());
    for (std::size_t e = codes.begin[i], at = 0; e < codes.begin[i + 1]; ++e, ++at)
      pull[e] += share * (call.objective.penalty[codes.index[e]] * sign(codes.value[e]) - along[at]);
  }
}

/// Through one layer: its pull, which add_loss() has completed, becomes the pull of the layer before.
void Pass::back(const Call& call, const Tensors& weights, const Part& part, std::size_t layer,
                std::size_t b) {
  const ListaParameters& at = call.network.at;
  Block& block = blocks_[b];
  const Codes& after = block.trace.codes[layer];
  const Codes none{std::vector<std::uint32_t>(after.begin.size(), 0), {}, {}, {}};
  const Codes& before = layer > 0 ? block.trace.codes[layer - 1] : none;
  const bool pair = at.weights == ListaWeights::pair, onward = layer > part.first;
  const bool steps = at.weights == ListaWeights::shared || at.weights == ListaWeights::fixed ||
                     at.weights == ListaWeights::layers;
  const float* pull = pull_[layer % 2].data() + offset_[layer][b];
  float* next = onward ? pull_[1 - layer % 2].data() + offset_[layer - 1][b] : nullptr;
  const ConstMatrix32 x = call.rows(call.samples.x, b);
  const ConstMatrix32 r = layer == 0 ? x : ConstMatrix32(residual_rows(call, layer, b));
  const float step = pair ? 1 : at.step[layer];
  const double adaptive = at.adaptive;
  const bool through = !pair && (onward || steps);
  const auto& dots = dots::table();
  block.by_step = block.by_threshold = 0;
  std::vector<const float*> rows(std::max(after.index.size(), before.index.size()));
  if (through) {
    std::vector<float> factors(after.index.size());
    for (std::size_t e = 0; e < factors.size(); ++e) {
      rows[e] = weights.weights(layer).row(after.index[e]);
      factors[e] = -pull[e];
    }
    const Rows u(x.rows, at.dims);
    by_features(after, at.features, u.stride, [&](std::size_t i, std::size_t e, std::size_t count) {
      sparse_rows::table().residual32(u.row(i), rows.data() + e, factors.data() + e, count, u.stride,
                                      u.row(i));
    });
    for (std::size_t i = 0; i < x.rows; ++i) block.by_step += dots.dot(u.row(i), r.row(i), u.stride);
    if (onward) {
      for (std::size_t e = 0; e < before.index.size(); ++e)
        rows[e] = call.network.dictionary().row(before.index[e]);
      by_features(before, at.features, u.stride, [&](std::size_t i, std::size_t e, std::size_t count) {
        dots.correlate32(rows.data() + e, count, u.row(i), u.stride, next + e);
      });
    }
  }
  std::vector<float> own(pair ? 0 : at.features, 0);  // δz of one sample
  for (std::size_t i = 0; i < x.rows; ++i) {
    const std::size_t first = after.begin[i], end = after.begin[i + 1];
    const std::size_t first_before = before.begin[i], end_before = before.begin[i + 1];
    float* dense = pair ? delta_.row(b * call.block + i) : own.data();
    if (pair) std::fill_n(dense, at.features, 0.0f);
    for (std::size_t e = first; e < end; ++e) dense[after.index[e]] = pull[e];
    if (pair && onward) {
      const float* matrix = at.recurrent.data() + layer * at.features * at.features;
      for (std::size_t e = first_before; e < end_before; ++e)
        rows[e - first_before] = matrix + before.index[e] * at.features;
      dots.correlate32(rows.data(), end_before - first_before, dense, at.features, next + first_before);
    }
    if (through && onward)
      for (std::size_t e = first_before; e < end_before; ++e)
        next[e] = dense[before.index[e]] - step * next[e];
    for (std::size_t e = first; e < end && !pair; ++e) dense[after.index[e]] = 0;
    if (adaptive > 0) {
      block.by_threshold += back_adaptive(at, layer, i, after, before, pull, next);
      continue;
    }
    float by_threshold = 0;
    for (std::size_t e = first; e < end; ++e)
      by_threshold += after.kept[e] != 0 ? 0.0f : std::copysign(1.0f, after.value[e]) * pull[e];
    block.by_threshold -= static_cast<double>(by_threshold);
  }
}

/// What a sample's thresholds, which its codes before decide, come to: ∂θ_k, and what is added to δb where that is wanted.
double Pass::back_adaptive(const ListaParameters& at, std::size_t layer, std::size_t i, const Codes& after,
                           const Codes& before, const float* pull, float* next) {
  const auto adaptive = static_cast<float>(at.adaptive);
  const float threshold = at.threshold[layer];
  std::size_t other = before.begin[i];
  double by_threshold = 0;
  for (std::size_t e = after.begin[i]; e < after.begin[i + 1]; ++e) {
    if (after.kept[e] != 0) continue;
    while (other < before.begin[i + 1] && before.index[other] < after.index[e]) ++other;
    const float along = sign(after.value[e]) * pull[e];
    if (other == before.begin[i + 1] || before.index[other] != after.index[e]) {
      by_threshold -= static_cast<double>(along);
      continue;
    }
    const float size = 1 + std::fabs(before.value[other]) / adaptive;
    by_threshold -= static_cast<double>(along / size);
    if (next) next[other] += sign(before.value[other]) * along * threshold / (adaptive * size * size);
  }
  return by_threshold;
}

Status Pass::run(const Network& network, const Tensors& weights, const Objective& objective,
                 const Samples& samples, const Part& part, std::size_t memory, const Execution& execution,
                 Tensors& gradients, Outcome& outcome) {
  const std::size_t block = block_rows(network), count = samples.x.count;
  const Call call{network, objective, samples, part.depth, block, (count + block - 1) / block, execution};
  const bool pair = network.at.weights == ListaWeights::pair;
  // Before layer `depth` stands what the unsupervised loss of the last layer is made of.
  const std::size_t wanted = pair ? 0 : part.depth - (call.supervised() ? 1 : 0);
  const std::size_t kept = std::min(wanted, memory / bytes_of(count, samples.x.stride * sizeof(float)));
  for (Rows& rows : again_) {
    if (rows.cols != network.at.dims) rows = Rows(0, network.at.dims);
    if (kept < wanted || pair) rows.grow(count);
  }
  if (pair) {
    if (delta_.cols != network.at.features) delta_ = Rows(0, network.at.features);
    delta_.grow(count);
  }
  if (Status status = forward(call, kept, outcome); !status.ok() || outcome.overflow < count) return status;
  lay_out(call, part);
  for (std::size_t k = part.depth; k-- > part.first && !execution.cancelled();) {
    execution.for_each(call.blocks, [&](std::size_t b) {
      const bool after = !call.supervised() && (k + 1 == call.depth || (pair && objective.every));
      if (after) residual_block(call, k + 1, b);
      if (!pair) residual_block(call, k, b);
      add_loss(call, k, b);
      back(call, weights, part, k, b);
    });
    if (execution.cancelled()) break;
    double by_step = 0, by_threshold = 0;
    for (std::size_t b = 0; b < call.blocks; ++b) {
      by_step += blocks_[b].by_step;
      by_threshold += blocks_[b].by_threshold;
    }
    gradients.step.row(0)[k] = static_cast<float>(by_step);
    gradients.threshold.row(0)[k] = static_cast<float>(by_threshold);
    if (!part.forward) continue;
    gather(call, k, gradients);
    if (pair && k > 0) gather_recurrent(call, k, gradients);
  }
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose::lista
