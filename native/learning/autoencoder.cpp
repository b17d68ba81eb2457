#include "autoencoder.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "../core/aligned.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/device.hpp"
#include "../solvers/encoding.hpp"
#include "../solvers/matching_steps.hpp"

namespace unsuperpose {

namespace {

constexpr double kLayerEpsilon = 1e-5;
/// Samples of one unit of work, and those prepared and encoded together.
constexpr std::size_t kBlock = 32, kAtOnce = 4096;

/// n(x) = (x − shift)·scale, and back.
struct Normal {
  double shift = 0, scale = 1, back = 1;
};

Normal normal_of(InputNorm norm, const float* x, std::size_t dims) {
  Normal result;
  const auto n = static_cast<double>(dims);
  if (norm == InputNorm::constant) {
    const double size = std::sqrt(reduce::table().squared_norm(x, dims));
    if (size > 0) result = {0, std::sqrt(n) / size, size / std::sqrt(n)};
  } else if (norm == InputNorm::layer) {
    double mean = 0, squares = 0;
    for (std::size_t d = 0; d < dims; ++d) mean += static_cast<double>(x[d]) / n;
    for (std::size_t d = 0; d < dims; ++d) {
      const double off = static_cast<double>(x[d]) - mean;
      squares += off * off;
    }
    const double deviation = dims > 1 ? std::sqrt(squares / (n - 1)) : 0;
    result = {mean, 1 / (deviation + kLayerEpsilon), deviation};
  }
  return result;
}

Status check(const AutoencoderParameters& p) {
  const auto shape = [](const char* name) {
    return Status::fail(Code::shape, std::string(name) + " does not fit the numbers of features and dims");
  };
  if (p.features == 0 || p.inputs == 0 || p.outputs == 0)
    return Status::fail(Code::shape, "an autoencoder must have at least one feature and one dim");
  const bool pursues = p.activation == Activation::matching_pursuit;
  if (p.encoder.size() != (pursues ? 0 : p.features * p.inputs)) return shape("encoder");
  if (p.encoder_bias.size() != (pursues ? 0 : p.features)) return shape("encoderBias");
  if (p.decoder.size() != p.features * p.outputs) return shape("decoder");
  if (p.decoder_bias.size() != p.outputs) return shape("decoderBias");
  if (!p.skip.empty() && p.skip.size() != p.outputs * p.inputs) return shape("skip");
  if ((p.activation == Activation::threshold) != (p.threshold.size() == p.features) ||
      (p.activation != Activation::threshold && !p.threshold.empty()))
    return shape("threshold");
  if (p.activation == Activation::gated && p.log_scale.size() != p.features) return shape("logScale");
  if (p.activation == Activation::gated && p.magnitude_bias.size() != p.features)
    return shape("magnitudeBias");
  if (p.activation == Activation::top_k && (p.k == 0 || p.k > p.features))
    return Status::fail(Code::option, "k must be between 1 and the number of features");
  if (pursues && (p.k == 0 || !(p.residual >= 0)))
    return Status::fail(Code::option, "a matching pursuit must have k ≥ 1 and a residual ≥ 0");
  if (pursues && (p.inputs != p.outputs || !p.skip.empty()))
    return Status::fail(Code::shape,
                        "a matching pursuit makes its input again: it has no other outputs, and no skip");
  if (p.inputs != p.outputs && (p.subtract_bias || p.norm != InputNorm::none))
    return Status::fail(Code::shape,
                        "decoderBias and normalisation need inputs and outputs of the same dims");
  const std::pair<const char*, const std::vector<float>*> tensors[] = {
      {"encoder", &p.encoder},    {"encoderBias", &p.encoder_bias},
      {"decoder", &p.decoder},    {"decoderBias", &p.decoder_bias},
      {"skip", &p.skip},          {"threshold", &p.threshold},
      {"logScale", &p.log_scale}, {"magnitudeBias", &p.magnitude_bias}};
  for (const auto& [name, values] : tensors)
    if (!reduce::table().all_finite(values->data(), values->size()))
      return Status::fail(Code::not_finite, std::string(name) + " holds NaN or Infinity");
  return {};
}

}  // namespace

Status Autoencoder::make(AutoencoderParameters parameters, std::shared_ptr<const Autoencoder>& out) {
  if (Status status = check(parameters); !status.ok()) return status;
  auto made = std::make_shared<Autoencoder>();
  const AutoencoderParameters& p = made->parameters_ = std::move(parameters);
  if (p.activation == Activation::matching_pursuit) {
    if (Status status = Dictionary::make({p.decoder.data(), p.features, p.outputs}, false, made->encoder_);
        !status.ok())
      return status;
    out = std::move(made);
    return {};
  }
  const bool thresholds = p.activation == Activation::threshold;
  const std::size_t dims = p.inputs + (thresholds ? 2 : 1);
  // Biases and thresholds count for as much as their rows do: then neither side loses bits where rows are rounded.
  double largest = 0;
  for (std::size_t j = 0; j < p.features; ++j) {
    const double norm = std::sqrt(reduce::table().squared_norm(p.encoder.data() + j * p.inputs, p.inputs));
    double offset = std::fabs(static_cast<double>(p.encoder_bias[j]));
    if (thresholds) offset = std::max(offset, std::fabs(static_cast<double>(p.threshold[j])));
    if (norm > 0) largest = std::max(largest, offset / norm);
  }
  int exponent = 0;
  if (largest > 0) std::frexp(largest, &exponent);
  exponent = std::clamp(exponent, -120, 120);
  made->constant_ = std::ldexp(1.0f, exponent);
  AlignedBuffer<float> rows(p.features * dims);
  for (std::size_t j = 0; j < p.features; ++j) {
    float* row = rows.data() + j * dims;
    std::copy_n(p.encoder.data() + j * p.inputs, p.inputs, row);
    row[p.inputs] = std::ldexp(p.encoder_bias[j], -exponent);
    if (thresholds) row[p.inputs + 1] = -std::ldexp(p.threshold[j], -exponent);
  }
  if (Status status = Dictionary::make({rows.data(), p.features, dims}, false, made->encoder_); !status.ok())
    return status;
  out = std::move(made);
  return {};
}

std::size_t Autoencoder::bytes() const {
  const AutoencoderParameters& p = parameters_;
  return encoder_->bytes() +
         (p.encoder.size() + p.decoder.size() + p.skip.size() + 4 * p.features) * sizeof(float);
}

Status Autoencoder::encode(ConstMatrix32 x, const Execution& execution, SparseCodes& out) const {
  constexpr std::size_t kMostEntries = std::numeric_limits<std::uint32_t>::max();
  Execution inner = execution;
  inner.reports = false;
  execution.set_total(x.rows);
  out = {};
  out.indptr.assign(1, 0);
  SparseCodes some;
  for (std::size_t first = 0; first < x.rows; first += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, x.rows - first);
    if (Status status = encode_some(x.slice(first, count), first, inner, some); !status.ok()) return status;
    const std::size_t before = out.indices.size();
    if (before + some.indices.size() > kMostEntries)
      return Status::fail(Code::too_large, "more than 2³² − 1 features are active in these samples together");
    out.indices.insert(out.indices.end(), some.indices.begin(), some.indices.end());
    out.values.insert(out.values.end(), some.values.begin(), some.values.end());
    for (std::size_t i = 1; i <= count; ++i)
      out.indptr.push_back(static_cast<std::uint32_t>(before) + some.indptr[i]);
    execution.advance(count);
  }
  return {};
}

namespace {

/// Steps as codes: features ascending, the values of one added up.
void gather_steps(const MatchingSteps& steps, SparseCodes& out) {
  out.indptr.assign(1, 0);
  out.indices.clear();
  out.values.clear();
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order;
  for (std::size_t i = 0; i + 1 < steps.indptr.size(); ++i) {
    order.clear();
    for (std::uint32_t e = steps.indptr[i]; e < steps.indptr[i + 1]; ++e)
      order.emplace_back(steps.atoms[e], e);
    std::sort(order.begin(), order.end());
    for (std::size_t at = 0; at < order.size();) {
      const std::uint32_t j = order[at].first;
      double sum = 0;
      for (; at < order.size() && order[at].first == j; ++at)
        sum += static_cast<double>(steps.values[order[at].second]);
      out.indices.push_back(j);
      out.values.push_back(static_cast<float>(sum));
    }
    out.indptr.push_back(static_cast<std::uint32_t>(out.indices.size()));
  }
}

/// Refuses codes that do not fit float32.
Status check_codes(const SparseCodes& codes, std::size_t first) {
  for (std::size_t i = 0; i + 1 < codes.indptr.size(); ++i)
    if (!reduce::table().all_finite(codes.values.data() + codes.indptr[i],
                                    codes.indptr[i + 1] - codes.indptr[i]))
      return Status::fail(Code::not_finite,
                          "sample " + std::to_string(first + i) + " overflows float32 as it is encoded");
  return {};
}

}  // namespace

/// The same of a few samples, of which `first` is the first one's number.
Status Autoencoder::encode_some(ConstMatrix32 x, std::size_t first, const Execution& execution,
                                SparseCodes& out) const {
  const AutoencoderParameters& p = parameters_;
  const std::size_t dims = encoder_->dims(), stride = round_up(dims, kCacheLine / sizeof(float));
  const device::Room prepared(execution.device, x.rows * stride);
  std::atomic<std::size_t> overflows{x.rows};  // the first sample that does
  execution.for_items(x.rows, kBlock, [&](std::size_t i) {
    const float* from = x.row(i);
    float* to = prepared.data() + i * stride;
    const Normal normal = normal_of(p.norm, from, p.inputs);
    for (std::size_t d = 0; d < p.inputs; ++d) {
      float value = from[d];
      if (p.norm != InputNorm::none)
        value = static_cast<float>((static_cast<double>(value) - normal.shift) * normal.scale);
      to[d] = p.subtract_bias ? value - p.decoder_bias[d] : value;
    }
    for (std::size_t d = p.inputs; d < dims; ++d) to[d] = constant_;
    if (reduce::table().all_finite(to, dims)) return;
    std::size_t known = overflows;
    while (i < known && !overflows.compare_exchange_weak(known, i)) {
    }
  });
  if (execution.cancelled()) return Status::cancelled();
  const ConstMatrix32 rows{prepared.data(), x.rows, dims, stride};
  if (overflows < x.rows)
    return Status::fail(Code::not_finite, "sample " + std::to_string(first + overflows) +
                                              " overflows float32 once it is normalised");
  if (p.activation == Activation::matching_pursuit) {
    MatchingSteps steps;
    const MatchingOptions options{p.k, p.residual, p.stop_on_repeat, first};
    const Matrix32 left{prepared.data(), x.rows, dims, stride};
    if (Status status = matching_steps(left, *encoder_, options, execution, steps); !status.ok())
      return status;
    gather_steps(steps, out);
    return check_codes(out, first);
  }
  if (p.activation == Activation::top_k) {
    if (Status status = encoding::strongest(rows, *encoder_, p.k, execution, out); !status.ok())
      return status;
    return check_codes(out, first);
  }
  if (Status status = encoding::above(rows, *encoder_, 0, p.inputs + 1, execution, out); !status.ok())
    return status;
  // From the product itself: the gate's value is rounded, and its bias may be far larger.
  if (p.activation == Activation::gated)
    execution.for_items(x.rows, kBlock, [&](std::size_t i) {
      for (std::size_t e = out.indptr[i]; e < out.indptr[i + 1]; ++e) {
        const std::uint32_t j = out.indices[e];
        const double value = static_cast<double>(expf(p.log_scale[j])) *
                                 dots::table().dot(p.encoder.data() + j * p.inputs, rows.row(i), p.inputs) +
                             static_cast<double>(p.magnitude_bias[j]);
        out.values[e] = static_cast<float>(value);
      }
    });
  if (execution.cancelled()) return Status::cancelled();
  // What is active and yet zero is no code.
  std::size_t kept = 0, next = 0;
  for (std::size_t i = 0; i < x.rows; ++i) {
    const std::size_t end = out.indptr[i + 1];
    for (; next < end; ++next) {
      const float value = out.values[next];
      if (value <= 0) continue;
      out.indices[kept] = out.indices[next];
      out.values[kept++] = value;
    }
    out.indptr[i + 1] = static_cast<std::uint32_t>(kept);
  }
  out.indices.resize(kept);
  out.values.resize(kept);
  return check_codes(out, first);
}

void Autoencoder::decode(const SparseCodes& codes, ConstMatrix32 x, const Execution& execution,
                         Matrix32 out) const {
  const AutoencoderParameters& p = parameters_;
  // What is neither scaled nor added to is rounded once by the kernel; the rest stays in float64 until all of it is there.
  const bool plain = p.norm == InputNorm::none && p.skip.empty();
  struct Scratch {
    std::vector<float> negative;
    std::vector<double> sums;
  };
  execution.for_items(
      out.rows, kBlock, [] { return Scratch(); },
      [&](std::size_t i, Scratch& scratch) {
        const std::uint32_t first = codes.indptr[i], count = codes.indptr[i + 1] - first;
        const std::uint32_t* indices = codes.indices.data() + first;
        const float* values = codes.values.data() + first;
        float* to = out.row(i);
        if (plain) {
          scratch.negative.resize(count);
          for (std::uint32_t e = 0; e < count; ++e) scratch.negative[e] = -values[e];
          sparse_rows::table().residual(p.decoder_bias.data(), indices, scratch.negative.data(), count,
                                        p.decoder.data(), p.outputs, p.outputs, to);
          return;
        }
        scratch.sums.assign(p.decoder_bias.begin(), p.decoder_bias.end());
        double* sums = scratch.sums.data();
        for (std::uint32_t e = 0; e < count; ++e) {
          const auto value = static_cast<double>(values[e]);
          const float* row = p.decoder.data() + indices[e] * p.outputs;
          for (std::size_t d = 0; d < p.outputs; ++d) sums[d] += value * static_cast<double>(row[d]);
        }
        const Normal normal = p.norm == InputNorm::none ? Normal() : normal_of(p.norm, x.row(i), p.inputs);
        for (std::size_t d = 0; d < p.outputs; ++d) {
          double sum = sums[d] * normal.back + normal.shift;
          if (!p.skip.empty()) sum += dots::table().dot(p.skip.data() + d * p.inputs, x.row(i), p.inputs);
          to[d] = static_cast<float>(sum);
        }
      });
}

}  // namespace unsuperpose
