#include "autoencoder_pass.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "../kernels/dots/dots.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../solvers/encoding.hpp"

namespace unsuperpose::autoencoder {

namespace {
/// Samples of one unit of work.
constexpr std::size_t kBlock = 16;

bool has_thresholds(const AutoencoderOptions& options) {
  return options.architecture == Architecture::jump_relu;
}

/// Entries of an encoder's row after w_j.
std::size_t constants(const AutoencoderOptions& options) {
  if (options.architecture == Architecture::matching_pursuit) return 0;
  return has_thresholds(options) ? 2 : 1;
}
}  // namespace

Weights::Weights(std::size_t inputs_, std::size_t outputs, const AutoencoderOptions& options)
    : inputs(inputs_),
      encoder(inputs_ + constants(options)),
      decoder(options.architecture == Architecture::matching_pursuit ? 0 : options.features, outputs),
      decoder_bias(1, outputs) {
  encoder.reserve(options.features);
  encoder.resize(options.features);
  if (has_thresholds(options)) threshold = Rows(1, options.features);
  if (options.architecture == Architecture::gated) {
    log_scale = Rows(1, options.features);
    magnitude_bias = Rows(1, options.features);
  }
  if (options.skip) skip = Rows(outputs, inputs);
}

Gradients::Gradients(const Weights& weights)
    : encoder(weights.encoder.features(), weights.encoder.dims()),
      decoder(weights.decoder.count, weights.decoder.cols),
      decoder_bias(1, weights.decoder_bias.cols),
      threshold(weights.threshold.count, weights.threshold.cols),
      log_scale(weights.log_scale.count, weights.log_scale.cols),
      magnitude_bias(weights.magnitude_bias.count, weights.magnitude_bias.cols),
      skip(weights.skip.count, weights.skip.cols) {}

Pass::Pass(const AutoencoderOptions& options, std::size_t outputs)
    : options_(options), ends_(options.prefixes), pursuit_(options, outputs) {
  if (ends_.empty()) ends_.push_back(options.features);
  for (std::size_t g = 0; g < ends_.size(); ++g) residuals_.emplace_back(0, outputs);
  gate_residual_ = Rows(0, outputs);
  dead_residual_ = Rows(0, outputs);
}

std::size_t Pass::group_of(std::size_t feature) const {
  return static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), feature) - ends_.begin());
}

Status Pass::select(const Weights& weights, const Dictionary& encoder, const Settings& settings,
                    const Execution& execution) {
  const ConstMatrix32 rows = input_.view();
  switch (options_.architecture) {
    case Architecture::top_k: return encoding::strongest(rows, encoder, settings.k, execution, active_.codes);
    case Architecture::batch_top_k:
      return encoding::strongest_together(rows, encoder, settings.k * rows.rows, settings.guess, execution,
                                          active_.codes);
    default: return encoding::above(rows, encoder, 0, weights.inputs + 1, execution, active_.codes);
  }
}

/// Activations of the entries, and the residuals of every prefix, of gates and of the whole.
void Pass::forward(const Weights& weights, ConstMatrix32 y, const Settings& settings,
                   const Execution& execution, Outcome& out) {
  SparseCodes& codes = active_.codes;
  const bool gated = options_.architecture == Architecture::gated;
  if (gated) gates_ = codes.values;
  if (has_thresholds(options_)) gates_ = codes.values;
  const std::size_t outputs = weights.decoder.cols, groups = ends_.size();
  for (Rows& rows : residuals_) rows.grow(y.rows);
  if (gated) gate_residual_.grow(y.rows);
  const auto& sparse = sparse_rows::table();
  struct Sums {
    double squares = 0, last = 0, gates = 0, weakest = std::numeric_limits<double>::infinity();
    double price = 0;
    std::uint64_t active = 0;
  };
  std::vector<Sums> sums(y.rows);
  const ConstMatrix32 encoder = weights.encoder.atoms();
  execution.for_items(y.rows, kBlock, [&](std::size_t i) {
    const std::uint32_t first = codes.indptr[i], end = codes.indptr[i + 1];
    Sums& sum = sums[i];
    for (std::uint32_t e = first; e < end; ++e) {
      const std::uint32_t j = codes.indices[e];
      float& a = codes.values[e];
      if (gated) {
        sum.price += static_cast<double>(a);
        a = std::max(0.0f, expf(weights.log_scale.data[j]) * (a - encoder.row(j)[weights.inputs]) +
                               weights.magnitude_bias.data[j]);
      } else if (has_thresholds(options_) && !(a > weights.threshold.data[j])) {
        a = 0;
      }
      if (!(a > 0)) continue;
      ++sum.active;
      sum.weakest = std::min(sum.weakest, static_cast<double>(a));
      if (options_.architecture == Architecture::relu) sum.price += static_cast<double>(a);
    }
    // What is to be explained; the first residual may hold the skip's product already.
    float* base = residuals_[0].row(i);
    const float* target = y.row(i);
    const bool skips = weights.skip.count > 0;
    for (std::size_t d = 0; d < outputs; ++d)
      base[d] = target[d] - weights.decoder_bias.data[d] - (skips ? base[d] : 0);
    if (gated)
      sum.gates = sparse.residual(base, codes.indices.data() + first, gates_.data() + first, end - first,
                                  weights.decoder.data.data(), weights.decoder.stride, outputs,
                                  gate_residual_.row(i));
    std::uint32_t from = first;
    for (std::size_t g = 0; g < groups; ++g) {
      std::uint32_t to = from;
      while (to < end && codes.indices[to] < ends_[g]) ++to;
      const float* before = g == 0 ? base : residuals_[g - 1].row(i);
      sum.last =
          sparse.residual(before, codes.indices.data() + from, codes.values.data() + from, to - from,
                          weights.decoder.data.data(), weights.decoder.stride, outputs, residuals_[g].row(i));
      sum.squares += sum.last;
      from = to;
    }
  });
  double squares = 0, price = 0;
  out.weakest = std::numeric_limits<double>::infinity();
  for (const Sums& sum : sums) {
    squares += sum.squares + sum.gates;
    price += sum.price;
    out.squared_residual += sum.last;
    out.active += sum.active;
    out.weakest = std::min(out.weakest, sum.weakest);
  }
  if (out.active == 0) out.weakest = 0;
  out.loss = (squares / 2 + settings.lambda * price) / static_cast<double>(y.rows);
}

/// dL/dh of every entry, from the residuals; step_price is what a feature's being active costs more (jump_relu).
void Pass::backward(const Weights& weights, const Settings& settings, double step_price,
                    const Execution& execution) {
  const SparseCodes& codes = active_.codes;
  const std::size_t outputs = weights.decoder.cols, samples = codes.indptr.size() - 1;
  active_.pull.resize(codes.indices.size());
  const bool gated = options_.architecture == Architecture::gated, jumps = has_thresholds(options_);
  if (gated || jumps) active_.by_threshold.resize(codes.indices.size());
  if (gated) active_.by_scale.resize(codes.indices.size());
  const auto lambda = static_cast<float>(settings.lambda);
  const bool l1 = options_.architecture == Architecture::relu;
  const auto width = static_cast<float>(options_.bandwidth);
  const ConstMatrix32 encoder = weights.encoder.atoms();
  const auto& dots = dots::table();
  execution.for_items(
      samples, kBlock, [] { return std::vector<const float*>(); },
      [&](std::size_t i, std::vector<const float*>& rows) {
        // A residual counts for the features of its prefix: for each all those of longer prefixes too.
        for (std::size_t g = ends_.size() - 1; g-- > 0;) {
          float* shorter = residuals_[g].row(i);
          const float* longer = residuals_[g + 1].row(i);
          for (std::size_t d = 0; d < outputs; ++d) shorter[d] += longer[d];
        }
        const std::uint32_t first = codes.indptr[i], end = codes.indptr[i + 1];
        rows.clear();
        for (std::uint32_t e = first; e < end; ++e) rows.push_back(weights.decoder.row(codes.indices[e]));
        for (std::uint32_t from = first; from < end;) {
          const std::size_t g = group_of(codes.indices[from]);
          std::uint32_t to = from;
          while (to < end && codes.indices[to] < ends_[g]) ++to;
          dots.correlate32(rows.data() + (from - first), to - from, residuals_[g].row(i), outputs,
                           active_.pull.data() + from);
          from = to;
        }
        if (gated)
          dots.correlate32(rows.data(), end - first, gate_residual_.row(i), outputs,
                           active_.by_threshold.data() + first);
        for (std::uint32_t e = first; e < end; ++e) {
          const std::uint32_t j = codes.indices[e];
          float& pull = active_.pull[e];
          const float by_code = -pull;  // dL/da
          if (jumps) {
            const float threshold = weights.threshold.data[j];
            const bool near = std::fabs(gates_[e] - threshold) < width / 2;
            active_.by_threshold[e] =
                near ? -(threshold * by_code + static_cast<float>(step_price)) / width : 0;
            pull = codes.values[e] > 0 ? by_code : 0;
          } else if (gated) {
            const float scale = expf(weights.log_scale.data[j]);
            const float by_magnitude = codes.values[e] > 0 ? by_code : 0;
            const float by_gate = lambda - active_.by_threshold[e];
            active_.by_scale[e] = by_magnitude * scale * (gates_[e] - encoder.row(j)[weights.inputs]);
            active_.by_threshold[e] = by_magnitude;  // of m_j
            // b_j acts through the gate alone: gather() takes the magnitude's part out of its gradient.
            pull = by_gate + by_magnitude * scale;
          } else {
            pull = l1 ? by_code + lambda : by_code;
          }
        }
      });
}

/// Dead features learn to explain what is left: top_k and batch_top_k.
Status Pass::revive(const Weights& weights, const std::vector<std::uint32_t>& dead,
                    const Execution& execution, Outcome& out) {
  const std::size_t samples = input_.count, outputs = weights.decoder.cols, dims = weights.encoder.dims();
  const std::size_t wanted =
      options_.auxiliary_k > 0 ? options_.auxiliary_k : std::max<std::size_t>(1, outputs / 2);
  const auto share = static_cast<double>(dead.size()) / static_cast<double>(wanted);
  dead_share_ = options_.auxiliary * std::min(1.0, share);
  const ConstMatrix32 encoder = weights.encoder.atoms();
  Rows picked(dead.size(), dims);
  for (std::size_t c = 0; c < dead.size(); ++c)
    std::memcpy(picked.row(c), encoder.row(dead[c]), dims * sizeof(float));
  std::shared_ptr<const Dictionary> among;
  if (Status status = Dictionary::make(picked.view(), false, among); !status.ok()) return status;
  SparseCodes& codes = dead_.codes;
  Status status = encoding::strongest(input_.view(), *among, std::min(wanted, dead.size()), execution, codes);
  if (!status.ok()) return status;
  for (std::uint32_t& j : codes.indices) j = dead[j];
  dead_.pull.resize(codes.indices.size());
  dead_residual_.grow(samples);
  std::vector<double> squares(samples);
  execution.for_items(
      samples, kBlock, [] { return std::vector<const float*>(); },
      [&](std::size_t i, std::vector<const float*>& rows) {
        const std::uint32_t first = codes.indptr[i], count = codes.indptr[i + 1] - first;
        squares[i] = sparse_rows::table().residual(
            residuals_.back().row(i), codes.indices.data() + first, codes.values.data() + first, count,
            weights.decoder.data.data(), weights.decoder.stride, outputs, dead_residual_.row(i));
        rows.clear();
        for (std::uint32_t e = 0; e < count; ++e)
          rows.push_back(weights.decoder.row(codes.indices[first + e]));
        dots::table().correlate32(rows.data(), count, dead_residual_.row(i), outputs,
                                  dead_.pull.data() + first);
        for (std::uint32_t e = first; e < first + count; ++e)
          dead_.pull[e] *= -static_cast<float>(dead_share_);
      });
  double sum = 0;
  for (const double one : squares) sum += one;
  out.loss += dead_share_ * sum / 2 / static_cast<double>(samples);
  return {};
}

Status Pass::run(Weights& weights, ConstMatrix32 x, ConstMatrix32 y, const Settings& settings,
                 const Execution& execution, Gradients& gradients, Outcome& out) {
  out = {};
  if (options_.architecture == Architecture::matching_pursuit)
    return pursuit_.run(weights, x, settings, execution, gradients, used_, out);
  const std::size_t inputs = weights.inputs, dims = weights.encoder.dims();
  if (input_.cols != dims) input_ = Rows(0, dims);
  input_.grow(x.rows);
  const auto half = static_cast<float>(options_.bandwidth / 2);
  if (has_thresholds(options_)) {
    const Matrix32 rows = weights.encoder.edit_all();
    for (std::size_t j = 0; j < rows.rows; ++j) rows.row(j)[inputs + 1] = half - weights.threshold.data[j];
  }
  execution.for_items(x.rows, kBlock, [&](std::size_t i) {
    float* to = input_.row(i);
    for (std::size_t d = 0; d < inputs; ++d)
      to[d] = options_.subtract_bias ? x.row(i)[d] - weights.decoder_bias.data[d] : x.row(i)[d];
    for (std::size_t d = inputs; d < dims; ++d) to[d] = 1;
  });
  const Dictionary* encoder = nullptr;
  if (Status status = weights.encoder.current(execution, encoder); !status.ok()) return status;
  if (Status status = select(weights, *encoder, settings, execution); !status.ok()) return status;
  if (weights.skip.count > 0) skip(weights, x, execution);
  forward(weights, y, settings, execution, out);
  double step_price = 0;
  if (has_thresholds(options_)) {
    const double l0 = static_cast<double>(out.active) / static_cast<double>(y.rows);
    const double target = options_.target_l0;
    step_price = target > 0 ? 2 * settings.lambda * (l0 / target - 1) / target : settings.lambda;
    out.loss += target > 0 ? settings.lambda * (l0 / target - 1) * (l0 / target - 1) : settings.lambda * l0;
  }
  const bool revives = settings.dead && !settings.dead->empty() && options_.auxiliary > 0;
  dead_.codes = {};
  if (revives)
    if (Status status = revive(weights, *settings.dead, execution, out); !status.ok()) return status;
  backward(weights, settings, step_price, execution);
  if (execution.cancelled()) return Status::cancelled();
  gather(weights, execution, gradients);
  if (weights.skip.count > 0) gather_skip(weights, x, execution, gradients);
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose::autoencoder
