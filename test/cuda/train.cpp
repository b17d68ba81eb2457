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
#include <string>
#include <vector>

#include "train_reference.hpp"
#include "train_run.hpp"
#ifdef UNSUPERPOSE_CUDA_EMULATED
#include "emulation.hpp"
#endif

namespace {

using namespace training;

void compare(const Problem& p, const char* what, const std::vector<float>& found,
             const std::vector<double>& expected, const std::vector<double>& off) {
  std::size_t wrong = 0, at = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!(std::fabs(static_cast<double>(found[i]) - expected[i]) <= off[i] + 1e-37)) {
      if (wrong++ == 0) at = i;
    }
  if (wrong == 0) return;
  ++failures;
  std::printf("%s (%d): %s: %zu of %zu wrong, first [%zu]: %.9g, expected %.9g ± %.3g\n", p.name,
              static_cast<int>(p.architecture), what, wrong, found.size(), at, static_cast<double>(found[at]),
              expected[at], off[at]);
}

void near(const Problem& p, const char* what, double found, double expected, double relative) {
  if (std::fabs(found - expected) <= relative * std::fabs(expected)) return;
  ++failures;
  std::printf("%s (%d): %s: %.12g, expected %.12g\n", p.name, static_cast<int>(p.architecture), what, found,
              expected);
}

/// The mean of a batch's targets and Σ‖y − mean‖², in two passes over differences from the first sample. Bounds, in 2⁻⁵³: of a part of r rows 3 r (r + 1)
/// (native/cuda/batch.cu); of the means, which parts are joined by, 4 roundings of their size for each part. Such an error e of means is one of 2 e √(n V)
/// in the spread V, 2 e κ of it, where κ is the size of all samples in √V.
void check_spread(const Problem& p, const std::vector<float>& given, const UnsuperposeCudaReport& report,
                  const std::vector<double>& mean) {
  const auto n = static_cast<long double>(p.samples);
  const double parts = std::ceil(static_cast<double>(p.samples) / 128);
  long double apart = 0, size = 0;
  for (std::size_t d = 0; d < p.outputs; ++d) {
    const auto at = [&](std::size_t i) { return static_cast<long double>(given[i * p.outputs + d]); };
    long double sum = 0, largest = 0;
    for (std::size_t i = 0; i < p.samples; ++i) {
      sum += at(i) - at(0);
      size += at(i) * at(i);
      largest = std::max(largest, std::fabs(at(i)));
    }
    for (std::size_t i = 0; i < p.samples; ++i) {
      const long double off = at(i) - at(0) - sum / n;
      apart += off * off;
    }
    EXPECT(std::fabs(static_cast<double>(at(0) + sum / n) - mean[d]) <=
           (4 * parts + 2 * 129) * 0x1p-53 * static_cast<double>(largest));
  }
  const double kappa = apart > 0 ? std::sqrt(static_cast<double>(size / apart)) : 0;
  near(p, "spread", report.squared_apart, static_cast<double>(apart),
       (3.0 * 128 * 129 + (8 * parts + 4) * kappa) * 0x1p-53);
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
  std::vector<double> mean;
  const UnsuperposeCudaReport report = train(p, found, input, target, 1, mean);
  EXPECT(report.fault == UNSUPERPOSE_CUDA_FINE);
  EXPECT(report.samples == p.samples);
  EXPECT(report.active == expected.active);
  EXPECT(report.dead == expected.dead.size());
  EXPECT(found.usage == expected.usage);
  EXPECT(found.last_used == expected.last_used);
  EXPECT(found.dead == expected.dead);
  near(p, "loss", report.loss, expected.loss, 1e-6);
  near(p, "residual", report.squared_residual, expected.squared_residual, 1e-9);
  near(p, "norm", report.gradient_norm, expected.gradient_norm, 1e-5);
  near(p, "weakest", report.weakest, expected.weakest, 1e-15);
  check_spread(p, p.transcoder ? target : input, report, mean);
  const auto tensor = [&](const char* what, const Tensor& own, const Expected::Values& other) {
    const std::string name = what;
    compare(p, name.c_str(), own.values, other.values, other.values_off);
    compare(p, (name + ", first").c_str(), own.first, other.first, other.first_off);
    compare(p, (name + ", second").c_str(), own.second, other.second, other.second_off);
  };
  tensor("encoder", found.encoder, expected.encoder);
  tensor("decoder", found.decoder, expected.decoder);
  tensor("bias", found.bias, expected.bias);
  if (p.jumps()) tensor("threshold", found.threshold, expected.threshold);
}

/// Samples far from 0, of any size, whole and broken parts of them; and equal ones.
void test_far() {
  std::mt19937 random(8);
  std::normal_distribution<float> normal;
  std::vector<double> mean;
  const auto run = [&](std::size_t samples, const auto& fill) {
    const Problem p{"far", samples, 3, 5, 5, 1};
    std::vector<float> input(p.samples * p.inputs);
    fill(input);
    State state = start(p, random);
    const UnsuperposeCudaReport report = train(p, state, input, input, 1, mean);
    check_spread(p, input, report, mean);
    return report.squared_apart;
  };
  const auto far = [&](float unit) {
    return [&, unit](std::vector<float>& input) {
      for (float& v : input) v = unit * (0x1p23f + std::round(3 * normal(random)));
    };
  };
  run(1, far(1));
  run(128, far(0x1p100f));
  run(129, far(-0x1p-100f));
  // Where the one that a part is counted from is far from the others.
  run(33, [&](std::vector<float>& input) {
    far(1)(input);
    input[0] = 0;
  });
  const double equal = run(129, [](std::vector<float>& input) {
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = 0.1f * static_cast<float>(i % 5);
  });
  EXPECT(equal == 0);
}

/// The same bits whatever chance decides: several steps, with dead features.
void test_again(UnsuperposeCudaArchitecture architecture) {
  Problem p{"again", 37, 90, 22, 22, 4};
  p.architecture = architecture;
  p.dead = p.jumps() ? 0 : 20;
  p.clip = 0.01;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  const State before = start(p, random);
  std::vector<float> input(p.samples * p.inputs);
  for (float& v : input) v = normal(random);
  std::vector<double> mean;
  State first = before;
  (void)train(p, first, input, input, 3, mean);
  for (unsigned seed = 1; seed <= 3; ++seed) {
#ifdef UNSUPERPOSE_CUDA_EMULATED
    unsuperpose::cuda::emulation::faults().seed = seed;
#endif
    State next = before;
    (void)train(p, next, input, input, 3, mean);
    EXPECT(next == first);
  }
}

/// What stops training, and that nothing is done afterwards.
void test_faults() {
  Problem p{"faults", 5, 16, 8, 8, 2};
  std::mt19937 random(6);
  State state = start(p, random);
  std::vector<float> input(p.samples * p.inputs, 1.0f);
  std::vector<double> mean;
  input[13] = 3e38f;  // beyond float32 once it is scaled
  EXPECT(train(p, state, input, input, 1, mean).fault == UNSUPERPOSE_CUDA_TOO_LARGE);
  // The fault is told again, and no step is made after it.
  {
    UnsuperposeCudaError error;
    UnsuperposeCudaTrainer* const trainer = opened(p, state);
    const std::vector<float> good(p.samples * p.inputs, 1.0f);
    UnsuperposeCudaReport report{};
    for (std::uint64_t number = kStep; number < kStep + 4; ++number) {
      const UnsuperposeCudaStep step = step_of(p, number == kStep ? input : good, good, number);
      require(table.trainer_step(trainer, &step, &report, &error), error);
      if (number == kStep) continue;
      EXPECT(report.number == kStep && report.fault == UNSUPERPOSE_CUDA_TOO_LARGE);
    }
    require(table.trainer_settle(trainer, &report, &error), error);
    EXPECT(report.number == kStep && report.fault == UNSUPERPOSE_CUDA_TOO_LARGE);
    table.trainer_close(trainer);
  }
  State large = start(p, random);
  std::fill(input.begin(), input.end(), 1e18f);
  for (float& v : large.encoder.values) v *= 1e20f;
  const UnsuperposeCudaReport report = train(p, large, input, input, 1, mean);
  EXPECT(report.fault != UNSUPERPOSE_CUDA_FINE && report.fault != UNSUPERPOSE_CUDA_TOO_LARGE);
}

/// Gradients that are not finite are found before anything is changed, whatever the clip.
void test_overflow() {
  Problem p{"overflow", 5, 16, 8, 8, 2};
  std::mt19937 random(7);
  const State before = start(p, random);
  State state = before;
  std::vector<float> input(p.samples * p.inputs, 1e20f);
  for (std::size_t i = 0; i < input.size(); i += 3) input[i] = -2e20f;
  std::vector<double> mean;
  const UnsuperposeCudaReport report = train(p, state, input, input, 1, mean);
  EXPECT(report.fault != UNSUPERPOSE_CUDA_FINE && report.fault != UNSUPERPOSE_CUDA_LENGTH);
  EXPECT(state.encoder.values == before.encoder.values && state.decoder.values == before.decoder.values);
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
      {"very dense", 530, 20, 6, 6, 5, false, false, kInfinite, 0, 5, Problem::dense},
      {"few dead, many samples", 400, 24, 6, 6, 2, false, false, kInfinite, 3, 6},
      {"none above zero", 11, 30, 9, 9, 3, false, false, kInfinite, 0, 5, Problem::none},
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
  // The same of the other architectures.
  for (const auto architecture : {UNSUPERPOSE_CUDA_BATCH_TOP_K, UNSUPERPOSE_CUDA_JUMP_RELU}) {
    std::vector<Problem> more = {
        {"batch", 24, 60, 20, 20, 4},
        {"batch, a transcoder", 17, 45, 10, 7, 3, true},
        {"batch, clipped", 24, 60, 21, 21, 4, false, false, 1e-3},
        {"batch, one sample", 1, 30, 12, 12, 5},
        {"batch, all features", 7, 11, 8, 8, 11},
        {"batch, ties", 24, 60, 18, 18, 5, false, false, kInfinite, 0, 5, Problem::tied},
        {"batch, dense", 70, 64, 12, 12, 3, false, false, kInfinite, 0, 5, Problem::dense},
        {"batch, very dense", 530, 20, 6, 6, 5, false, false, kInfinite, 0, 5, Problem::dense},
        {"batch, none above zero", 11, 30, 9, 9, 3, false, false, kInfinite, 0, 5, Problem::none},
        {"batch, few above zero", 24, 60, 12, 12, 30, false, false, kInfinite, 0, 5, Problem::negative},
        {"batch, many features", 9, 2304, 20, 20, 3},
        {"batch, many features, ties", 5, 2304, 12, 12, 3, false, false, kInfinite, 0, 5, Problem::tied},
        {"batch, many features, few above zero", 3, 2304, 8, 8, 900, false, false, kInfinite, 0, 5,
         Problem::negative},
    };
    if (architecture == UNSUPERPOSE_CUDA_BATCH_TOP_K) {
      more.push_back({"batch, dead", 19, 50, 14, 14, 3, false, false, kInfinite, 20, 6});
    } else {
      for (Problem& p : more)
        if (p.features % 2 == 0) p.target_l0 = 5;
    }
    for (Problem& p : more) {
      p.architecture = architecture;
      problems.push_back(p);
    }
  }
  unsigned seed = 1;
  for (Problem& p : problems) {
    p.seed = seed++;
    test(p);
  }
  for (const auto architecture :
       {UNSUPERPOSE_CUDA_TOP_K, UNSUPERPOSE_CUDA_BATCH_TOP_K, UNSUPERPOSE_CUDA_JUMP_RELU})
    test_again(architecture);
  test_far();
  test_faults();
  test_overflow();
  return ended();
}
