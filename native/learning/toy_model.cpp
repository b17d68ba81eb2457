#include "toy_model.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "../core/random.hpp"
#include "../kernels/adam/adam.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "toy_gradient.hpp"

namespace unsuperpose {
namespace {

using panels::kPanel;

/// Below this mean density entry by entry is faster than two dense products (measured at 200 features in 20 dims).
constexpr double kSparseBelow = 0.08;
/// Steps between two reports of progress.
constexpr std::uint64_t kReportEvery = 64;

bool mostly_zero(const std::vector<double>& density) {
  double sum = 0;
  for (const double p : density) sum += p;
  return sum < kSparseBelow * static_cast<double>(density.size());
}

/// 1 at the first step; linear and cosine fall towards 0 after the last.
double schedule_factor(ToySchedule schedule, std::uint64_t step, std::uint64_t steps) {
  const double done = static_cast<double>(step) / static_cast<double>(steps);
  if (schedule == ToySchedule::linear) return 1 - done;
  constexpr float kPi = 3.14159265f;
  if (schedule == ToySchedule::cosine)
    return 0.5 * (1 + static_cast<double>(cosf(kPi * static_cast<float>(done))));
  return 1;
}

/// One model: its parameters in the shared arrays, and AdamW's moments.
class Trainer {
 public:
  Trainer(const ToyOptions& options, const ToyInstance& instance, float* weights, float* bias)
      : options_(options),
        gradient_(options, instance.importance, mostly_zero(instance.features.density)),
        weights_(weights),
        bias_(bias),
        weight_moments_(AlignedBuffer<float>::zeros(2 * options.features * options.dims)),
        bias_moments_(AlignedBuffer<float>::zeros(2 * options.features)) {}

  double step(const ToySampler& sampler, std::uint64_t step) {
    gradient_.begin(weights_, bias_, options_.batch);
    for (std::size_t first = 0; first < options_.batch; first += kPanel) {
      const std::size_t valid = std::min(kPanel, options_.batch - first);
      sampler.panel(step, static_cast<std::uint32_t>(first), valid, gradient_.x(), gradient_.active());
      gradient_.add(valid);
    }
    const double loss = gradient_.finish();
    update(step);
    return loss;
  }

 private:
  void update(std::uint64_t step) {
    power1_ *= options_.beta1;
    power2_ *= options_.beta2;
    const double rate = options_.rate * schedule_factor(options_.schedule, step, options_.steps);
    const adam::Settings settings = {static_cast<float>(1 - rate * options_.weight_decay),
                                     static_cast<float>(rate / (1 - power1_)),
                                     static_cast<float>(options_.beta1),
                                     static_cast<float>(options_.beta2),
                                     static_cast<float>(1 / std::sqrt(1 - power2_)),
                                     static_cast<float>(options_.epsilon)};
    const std::size_t n = options_.features, all = n * options_.dims;
    const adam::Table& kernels = adam::table();
    kernels.step(settings, gradient_.weights(), weight_moments_.data(), weight_moments_.data() + all,
                 weights_, all);
    kernels.step(settings, gradient_.bias(), bias_moments_.data(), bias_moments_.data() + n, bias_, n);
  }

  const ToyOptions& options_;
  ToyGradient gradient_;
  float* weights_;
  float* bias_;
  AlignedBuffer<float> weight_moments_, bias_moments_;
  double power1_ = 1, power2_ = 1;  // β^t
};

/// Glorot & Bengio 2010, normal: variance 2/(features + dims). Biases start from 0.
void initialise(const ToyOptions& options, std::size_t instances, ToyParameters& parameters) {
  const std::size_t all = options.features * options.dims;
  const double deviation = std::sqrt(2.0 / static_cast<double>(options.features + options.dims));
  parameters.weights.resize(instances * all);
  parameters.bias.assign(instances * options.features, 0);
  Random seeds(options.seed);
  for (std::size_t instance = 0; instance < instances; ++instance) {
    Random random(seeds.next());
    for (std::size_t at = 0; at < all; ++at)
      parameters.weights[instance * all + at] = static_cast<float>(deviation * random.normal());
  }
}

}  // namespace

Status train_toy_models(const ToyOptions& options, const std::vector<ToyInstance>& instances,
                        const Execution& execution, ToyParameters& parameters, std::vector<double>& losses) {
  const std::size_t all = options.features * options.dims;
  if (parameters.weights.empty()) initialise(options, instances.size(), parameters);
  std::vector<ToySampler> samplers(instances.size());
  for (std::size_t e = 0; e < instances.size(); ++e) {
    Status status =
        ToySampler::make(instances[e].features, options.seed, static_cast<std::uint32_t>(e), samplers[e]);
    if (!status.ok()) return status;
  }
  losses.assign(instances.size() * options.records, 0);
  execution.set_total(instances.size() * options.steps);
  execution.for_each(instances.size(), [&](std::size_t e) {
    Trainer trainer(options, instances[e], parameters.weights.data() + e * all,
                    parameters.bias.data() + e * options.features);
    double* record = losses.data() + e * options.records;
    std::uint64_t in_record = 0, reported = 0;
    for (std::uint64_t step = 0; step < options.steps && !execution.cancelled(); ++step) {
      // record r covers the steps from ⌈r·steps/records⌉ on
      const auto next = static_cast<std::size_t>(step * options.records / options.steps);
      double& sum = record[next];
      sum += trainer.step(samplers[e], step);
      ++in_record;
      if ((step + 1) * options.records / options.steps != next) {
        sum /= static_cast<double>(in_record);
        in_record = 0;
      }
      if (step + 1 - reported == kReportEvery || step + 1 == options.steps) {
        execution.advance(step + 1 - reported);
        reported = step + 1;
      }
    }
  });
  if (execution.cancelled()) return Status::cancelled();
  for (std::size_t e = 0; e < instances.size(); ++e)
    if (!reduce::table().all_finite(parameters.weights.data() + e * all, all) ||
        !reduce::table().all_finite(parameters.bias.data() + e * options.features, options.features))
      return Status::fail(Code::option,
                          "learningRate is too large: instance " + std::to_string(e) + " diverged");
  return {};
}

double toy_gradient(const ToyOptions& options, const std::vector<float>& importance,
                    const ToyParameters& parameters, ConstMatrix32 samples, ToyParameters& out) {
  std::size_t active = 0;
  for (std::size_t s = 0; s < samples.rows; ++s)
    for (std::size_t i = 0; i < samples.cols; ++i) active += samples.row(s)[i] != 0;
  const double entries = static_cast<double>(samples.rows) * static_cast<double>(samples.cols);
  ToyGradient gradient(options, importance, static_cast<double>(active) < kSparseBelow * entries);
  gradient.begin(parameters.weights.data(), parameters.bias.data(), samples.rows);
  for (std::size_t first = 0; first < samples.rows; first += kPanel) {
    const std::size_t valid = std::min(kPanel, samples.rows - first);
    for (std::size_t i = 0; i < samples.cols; ++i) {
      std::uint32_t bits = 0;
      for (std::size_t s = 0; s < kPanel; ++s) {
        const float value = s < valid ? samples.row(first + s)[i] : 0;
        gradient.x()[i * kPanel + s] = value;
        bits |= static_cast<std::uint32_t>(value != 0) << s;
      }
      gradient.active()[i] = bits;
    }
    gradient.add(valid);
  }
  const double loss = gradient.finish();
  out.weights.assign(gradient.weights(), gradient.weights() + options.features * options.dims);
  out.bias.assign(gradient.bias(), gradient.bias() + options.features);
  return loss;
}

}  // namespace unsuperpose
