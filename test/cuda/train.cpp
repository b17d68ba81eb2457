// A step of training an autoencoder on a device against the same step in float64, written as plainly as can be: which features were used, the loss,
// the gradient's norm, every parameter and moment, within bounds from how float32 sums round. Ties, dead features, one that all samples use and one
// that none does, as many active as there are features, one sample, dims that are no multiple of anything. And the same bits every time. Runs on the
// emulation, and on a GPU (npm run gpu-check).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "table.hpp"
#ifdef UNSUPERPOSE_CUDA_EMULATED
#include "emulation.hpp"
#endif

namespace {

constexpr double kHalf = 0x1.0p-24;  // of a float32's last place, relative

struct Problem {
  const char* name;
  std::size_t samples, features, inputs, outputs, k;
  bool transcoder = false, aligned = false;
  double clip = std::numeric_limits<double>::infinity();
  std::size_t dead = 0;  // of the features
  std::size_t auxiliary_k = 5;
  enum Kind { plain, tied, dense, negative } kind = plain;
  unsigned seed = 1;
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
  Tensor encoder, decoder, bias;
  std::vector<std::uint64_t> last_used, usage;
  std::vector<std::uint32_t> dead;
  UnsuperposeCudaTrained view() {
    return {encoder.view(),   decoder.view(), bias.view(), {},
            last_used.data(), usage.data(),   dead.data(), dead.size()};
  }
  bool operator==(const State& other) const {
    const auto same = [](const Tensor& a, const Tensor& b) {
      return a.values == b.values && a.first == b.first && a.second == b.second;
    };
    return same(encoder, other.encoder) && same(decoder, other.decoder) && same(bias, other.bias) &&
           last_used == other.last_used && usage == other.usage && dead == other.dead;
  }
};

constexpr std::uint64_t kStep = 21, kDeadAfter = 10;
constexpr float kRate = 1e-3f, kBeta1 = 0.9f, kBeta2 = 0.99f, kCorrection = 1.25f, kEpsilon = 1e-6f;
constexpr double kInputScale = 1.7, kTargetScale = 1.7, kOtherScale = 0.6;

State start(const Problem& p, std::mt19937& random) {
  State s;
  s.encoder.draw(p.features, p.inputs + 1, random, 1 / std::sqrt(static_cast<float>(p.inputs)));
  s.decoder.draw(p.features, p.outputs, random, 1);
  s.bias.draw(1, p.outputs, random, 0.1f);
  for (std::size_t j = 0; j < p.features; ++j) {
    float* row = &s.decoder.values[j * p.outputs];
    double squared = 0;
    for (std::size_t d = 0; d < p.outputs; ++d)
      squared += static_cast<double>(row[d]) * static_cast<double>(row[d]);
    for (std::size_t d = 0; d < p.outputs; ++d) row[d] = static_cast<float>(row[d] / std::sqrt(squared));
    s.encoder.values[j * (p.inputs + 1) + p.inputs] *= 0.2f;
  }
  // Every third feature is like the one before it: only their numbers tell which is active.
  if (p.kind == Problem::tied)
    for (std::size_t j = 2; j < p.features; j += 3)
      std::copy_n(&s.encoder.values[(j - 1) * (p.inputs + 1)], p.inputs + 1,
                  &s.encoder.values[j * (p.inputs + 1)]);
  for (std::size_t j = 0; j < p.features; ++j) {
    float& b = s.encoder.values[j * (p.inputs + 1) + p.inputs];
    if (p.kind == Problem::dense && j == p.features / 2) b = 60;   // of all samples
    if (p.kind == Problem::dense && j == p.features / 3) b = -60;  // of none
    if (p.kind == Problem::negative && j % 4 != 0) b = -60;
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

/// What the step must come to, and how far a value may be from it.
struct Expected {
  struct Values {
    std::vector<double> values, first, second, values_off, first_off, second_off;
  };
  Values encoder, decoder, bias;
  std::vector<std::uint64_t> last_used, usage;
  std::vector<std::uint32_t> dead;
  double loss = 0, squared_residual = 0, squared_target = 0, gradient_norm = 0, weakest = 0;
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

Chosen strongest(const State& s, const std::vector<float>& x, std::size_t dims, std::size_t k,
                 const std::vector<std::uint32_t>* among) {
  std::vector<std::pair<double, std::size_t>> all;
  const std::size_t n = among ? among->size() : s.encoder.rows;
  for (std::size_t c = 0; c < n; ++c) {
    const std::size_t j = among ? (*among)[c] : c;
    double h = 0;
    for (std::size_t d = 0; d <= dims; ++d)
      h += static_cast<double>(s.encoder.values[j * (dims + 1) + d]) *
           (d < dims ? static_cast<double>(x[d]) : 1.0);
    all.emplace_back(-h, j);
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

/// Adam on a tensor, from gradients with their errors.
void adam(const Tensor& at, const std::vector<double>& gradient, const std::vector<double>& off,
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

Expected expect(const Problem& p, const State& s, const std::vector<float>& input,
                const std::vector<float>& target) {
  const std::size_t n = p.samples, in = p.inputs, out = p.outputs, width = in + 1;
  const double mean = 1 / static_cast<double>(n);
  Expected e;
  // The gradients as sums, and the same of the parts of the dead.
  std::vector<Sum> by_encoder(p.features * width), by_decoder(p.features * out), by_bias(out);
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
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<float> x(in);
    std::vector<double> residual(out);
    for (std::size_t d = 0; d < in; ++d) {
      x[d] = static_cast<float>(static_cast<double>(input[i * in + d]) * kInputScale);
      if (!p.transcoder) x[d] -= s.bias.values[d];
    }
    for (std::size_t d = 0; d < out; ++d) {
      const float given = p.transcoder ? target[i * out + d] : input[i * in + d];
      e.squared_target += static_cast<double>(given) * static_cast<double>(given);
      const auto y = static_cast<float>(static_cast<double>(given) * target_scale);
      residual[d] = static_cast<double>(y - s.bias.values[d]);
    }
    const auto pass = [&](const Chosen& chosen, std::vector<double>& left, double weight) {
      for (std::size_t c = 0; c < chosen.features.size(); ++c)
        for (std::size_t d = 0; d < out; ++d)
          left[d] -= chosen.values[c] * static_cast<double>(s.decoder.values[chosen.features[c] * out + d]);
      double squared = 0;
      for (const double v : left) squared += v * v;
      for (std::size_t c = 0; c < chosen.features.size(); ++c) {
        const std::size_t j = chosen.features[c];
        double pull = 0;
        for (std::size_t d = 0; d < out; ++d)
          pull -= left[d] * static_cast<double>(s.decoder.values[j * out + d]);
        pull *= weight;
        ++uses[j];
        // A pull is a sum of `out` products, each with a rounded residual: its size counts, not its value.
        const double pull_size = weight * std::sqrt(squared);
        for (std::size_t d = 0; d < width; ++d) {
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
    const Chosen chosen = strongest(s, x, in, p.k, nullptr);
    squares += pass(chosen, residual, 1);
    for (std::size_t d = 0; d < out; ++d) by_bias[d].add(-mean * residual[d]);
    for (std::size_t c = 0; c < chosen.features.size(); ++c) {
      ++e.active;
      ++e.usage[chosen.features[c]];
      e.last_used[chosen.features[c]] = kStep;
      e.weakest = std::min(e.weakest, chosen.values[c]);
    }
    if (s.dead.empty()) continue;
    std::vector<double> left(residual);
    for (double& v : left) v = static_cast<double>(static_cast<float>(v));
    dead_squares += pass(strongest(s, x, in, std::min(p.auxiliary_k, s.dead.size()), &s.dead), left, share);
  }
  if (e.active == 0) e.weakest = 0;
  for (std::uint32_t j = 0; j < p.features; ++j)
    if (kStep - e.last_used[j] >= kDeadAfter) e.dead.push_back(j);
  e.squared_residual = squares;
  e.loss = (squares + share * dead_squares) / 2 / static_cast<double>(n);

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
  std::vector<double> encoder, decoder, bias, encoder_off, decoder_off, bias_off;
  split(by_encoder, most, encoder, encoder_off);
  split(by_decoder, most, decoder, decoder_off);
  split(by_bias, static_cast<double>(n + p.features), bias, bias_off);
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
  for (const std::vector<double>* part : {&encoder, &decoder, &bias})
    for (const double v : *part) square += v * v;
  const double relative = 2 / static_cast<double>(out);
  e.gradient_norm = relative * std::sqrt(square);
  const double factor = relative * std::min(1.0, p.clip / e.gradient_norm);
  adam(s.encoder, encoder, encoder_off, factor, e.encoder);
  adam(s.decoder, decoder, decoder_off, factor, e.decoder);
  adam(s.bias, bias, bias_off, factor, e.bias);
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

void compare(const Problem& p, const char* what, const std::vector<float>& found,
             const std::vector<double>& expected, const std::vector<double>& off) {
  std::size_t wrong = 0, at = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!(std::fabs(static_cast<double>(found[i]) - expected[i]) <= off[i] + 1e-37)) {
      if (wrong++ == 0) at = i;
    }
  if (wrong == 0) return;
  ++failures;
  std::printf("%s: %s: %zu of %zu wrong, first [%zu]: %.9g, expected %.9g ± %.3g\n", p.name, what, wrong,
              found.size(), at, static_cast<double>(found[at]), expected[at], off[at]);
}

void near(const Problem& p, const char* what, double found, double expected, double relative) {
  if (std::fabs(found - expected) <= relative * std::fabs(expected)) return;
  ++failures;
  std::printf("%s: %s: %.12g, expected %.12g\n", p.name, what, found, expected);
}

UnsuperposeCudaTraining options_of(const Problem& p) {
  UnsuperposeCudaTraining training{};
  training.architecture = UNSUPERPOSE_CUDA_TOP_K;
  training.subtract_bias = !p.transcoder;
  training.aligned = p.aligned;
  training.features = p.features;
  training.inputs = p.inputs;
  training.outputs = p.outputs;
  training.dead_after = kDeadAfter;
  training.auxiliary_k = p.auxiliary_k;
  training.auxiliary = 1;
  training.clip = p.clip;
  return training;
}

UnsuperposeCudaStep step_of(const Problem& p, const std::vector<float>& input,
                            const std::vector<float>& target, std::uint64_t number) {
  UnsuperposeCudaStep step{};
  step.samples = {input.data(), p.inputs, p.samples, p.inputs, nullptr};
  if (p.transcoder) step.targets = {target.data(), p.outputs, p.samples, p.outputs, nullptr};
  step.input_scale = kInputScale;
  step.target_scale = p.transcoder ? kOtherScale : kTargetScale;
  step.number = number;
  step.k = p.k;
  step.rate = kRate;
  step.beta1 = kBeta1;
  step.beta2 = kBeta2;
  step.correction = kCorrection;
  step.epsilon = kEpsilon;
  return step;
}

/// `steps` of them from `state` on; the last one's report.
UnsuperposeCudaReport train(const Problem& p, State& state, const std::vector<float>& input,
                            const std::vector<float>& target, std::uint64_t steps,
                            std::vector<double>& sums) {
  UnsuperposeCudaError error;
  UnsuperposeCudaTrainer* trainer = nullptr;
  const UnsuperposeCudaTraining training = options_of(p);
  require(table.trainer_open(0, &training, &trainer, &error), error);
  UnsuperposeCudaTrained view = state.view();
  require(table.trainer_write(trainer, &view, &error), error);
  UnsuperposeCudaReport report{};
  sums.assign(p.outputs, 0);
  report.target_sums = sums.data();
  for (std::uint64_t number = kStep; number < kStep + steps; ++number) {
    const UnsuperposeCudaStep step = step_of(p, input, target, number);
    require(table.trainer_step(trainer, &step, &report, &error), error);
    EXPECT(report.number == (number == kStep ? 0 : number - 1));
  }
  require(table.trainer_settle(trainer, &report, &error), error);
  EXPECT(report.number == kStep + steps - 1);
  state.dead.resize(p.features);
  view = state.view();
  require(table.trainer_read(trainer, &view, &error), error);
  state.dead.resize(view.dead_count);
  table.trainer_close(trainer);
  return report;
}

void test(const Problem& p) {
  std::mt19937 random(p.seed);
  std::normal_distribution<float> normal;
  const State before = start(p, random);
  std::vector<float> input(p.samples * p.inputs), target(p.samples * p.outputs);
  for (float& v : input) v = normal(random);
  for (float& v : target) v = normal(random);
  const Expected expected = expect(p, before, input, target);
  State found = before;
  std::vector<double> sums;
  const UnsuperposeCudaReport report = train(p, found, input, target, 1, sums);
  EXPECT(report.fault == UNSUPERPOSE_CUDA_FINE);
  EXPECT(report.samples == p.samples);
  EXPECT(report.active == expected.active);
  EXPECT(report.dead == expected.dead.size());
  EXPECT(found.usage == expected.usage);
  EXPECT(found.last_used == expected.last_used);
  EXPECT(found.dead == expected.dead);
  near(p, "loss", report.loss, expected.loss, 1e-6);
  near(p, "residual", report.squared_residual, expected.squared_residual, 1e-9);
  near(p, "target", report.squared_target, expected.squared_target, 1e-12);
  near(p, "norm", report.gradient_norm, expected.gradient_norm, 1e-5);
  near(p, "weakest", report.weakest, expected.weakest, 1e-15);
  const std::vector<float>& given = p.transcoder ? target : input;
  for (std::size_t d = 0; d < p.outputs; ++d) {
    double sum = 0, size = 0;
    for (std::size_t i = 0; i < p.samples; ++i) {
      sum += static_cast<double>(given[i * p.outputs + d]);
      size += std::fabs(static_cast<double>(given[i * p.outputs + d]));
    }
    EXPECT(std::fabs(sums[d] - sum) <= 1e-13 * size);
  }
  const auto tensor = [&](const char* what, const Tensor& own, const Expected::Values& other) {
    const std::string name = what;
    compare(p, name.c_str(), own.values, other.values, other.values_off);
    compare(p, (name + ", first").c_str(), own.first, other.first, other.first_off);
    compare(p, (name + ", second").c_str(), own.second, other.second, other.second_off);
  };
  tensor("encoder", found.encoder, expected.encoder);
  tensor("decoder", found.decoder, expected.decoder);
  tensor("bias", found.bias, expected.bias);
}

/// The same bits whatever chance decides: several steps, with dead features.
void test_again() {
  Problem p{"again", 37, 90, 22, 22, 4};
  p.dead = 20;
  p.clip = 0.01;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  const State before = start(p, random);
  std::vector<float> input(p.samples * p.inputs);
  for (float& v : input) v = normal(random);
  std::vector<double> sums;
  State first = before;
  (void)train(p, first, input, input, 3, sums);
  for (unsigned seed = 1; seed <= 3; ++seed) {
#ifdef UNSUPERPOSE_CUDA_EMULATED
    unsuperpose::cuda::emulation::faults().seed = seed;
#endif
    State next = before;
    (void)train(p, next, input, input, 3, sums);
    EXPECT(next == first);
  }
}

/// What stops training, and that nothing is done afterwards.
void test_faults() {
  Problem p{"faults", 5, 16, 8, 8, 2};
  std::mt19937 random(6);
  State state = start(p, random);
  std::vector<float> input(p.samples * p.inputs, 1.0f);
  std::vector<double> sums;
  input[13] = 3e38f;  // beyond float32 once it is scaled
  EXPECT(train(p, state, input, input, 1, sums).fault == UNSUPERPOSE_CUDA_TOO_LARGE);
  State large = start(p, random);
  std::fill(input.begin(), input.end(), 1e18f);
  for (float& v : large.encoder.values) v *= 1e20f;
  const UnsuperposeCudaReport report = train(p, large, input, input, 1, sums);
  EXPECT(report.fault != UNSUPERPOSE_CUDA_FINE && report.fault != UNSUPERPOSE_CUDA_TOO_LARGE);
}

}  // namespace

int main() {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  std::vector<Problem> problems = {
      {"plain", 24, 60, 20, 20, 4},
      {"odd dims", 9, 37, 13, 13, 3},
      {"a transcoder", 17, 45, 10, 7, 3, true},
      {"aligned", 12, 40, 16, 16, 3, false, true},
      {"clipped", 24, 60, 20, 20, 4, false, false, 1e-3},
      {"barely clipped", 24, 60, 20, 20, 4, false, false, 0.05},
      {"one sample", 1, 30, 12, 12, 5},
      {"all features", 7, 11, 8, 8, 11},
      {"one feature", 6, 1, 5, 5, 1},
      {"dead", 19, 50, 14, 14, 3, false, false, kInfinite, 20, 6},
      {"few dead", 19, 50, 14, 14, 3, false, false, kInfinite, 2, 6},
      {"dead, clipped", 19, 50, 15, 15, 3, false, false, 1e-3, 20, 6},
      {"ties", 24, 60, 18, 18, 5, false, false, kInfinite, 0, 5, Problem::tied},
      {"dense", 70, 64, 12, 12, 3, false, false, kInfinite, 0, 5, Problem::dense},
      {"few above zero", 24, 60, 12, 12, 30, false, false, kInfinite, 0, 5, Problem::negative},
      // By lists of a selecting product.
      {"many features", 9, 2304, 20, 20, 3},
      {"many features, ties", 5, 2304, 12, 12, 3, false, false, kInfinite, 0, 5, Problem::tied},
      {"many features, dense", 40, 2304, 8, 8, 3, false, false, kInfinite, 0, 5, Problem::dense},
      {"many features, few above zero", 3, 2304, 8, 8, 600, false, false, kInfinite, 0, 5, Problem::negative},
      // More entries than a block's threads have.
      {"wide", 3, 9, 2100, 2100, 2},
      {"wider", 2, 4, 4200, 4100, 2, true},
  };
  unsigned seed = 1;
  for (Problem& p : problems) {
    p.seed = seed++;
    test(p);
  }
  test_again();
  test_faults();
  return ended();
}
