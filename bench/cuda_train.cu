// What a step of training a sparse autoencoder takes on a GPU, by the GPU's own clock, and its parts. One line of JSON a measurement; PyTorch's step and
// what a dense one is made of are timed by bench/peers/cuda_torch.py.
//   npm run build:cuda && cmake --build build --target gpu_bench && build/cuda/bench_cuda_train [--shrink N] [--features N]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "../native/cuda/device.hpp"

extern "C" const UnsuperposeCuda* unsuperpose_cuda_table();

using namespace unsuperpose::cuda;

namespace {

constexpr int kWarm = 3, kRuns = 15;

struct Spread {
  double quarter, median, three_quarters;
};
Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t last = values.size() - 1;
  return {values[last / 4], values[last / 2], values[last - last / 4]};
}

/// Numbers for data: uniform ones by xorshift (Marsaglia 2003), normal ones drawn from a table, a nanosecond each.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u | 1), table_(kTable) {
    for (float& v : table_) {
      const double a = 1 - uniform(), b = uniform();
      v = static_cast<float>(std::sqrt(-2 * std::log(a)) * std::cos(6.283185307179586 * b));
    }
  }
  std::uint64_t bits() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  float normal() { return table_[bits() >> 50]; }
  std::size_t below(std::size_t n) { return bits() % n; }

 private:
  static constexpr std::size_t kTable = std::size_t{1} << 14;  // bits() >> 50
  std::uint64_t state_;
  std::vector<float> table_;
};

void scale_to(float* row, std::size_t dims, double norm) {
  double squared = 0;
  for (std::size_t k = 0; k < dims; ++k) squared += static_cast<double>(row[k]) * static_cast<double>(row[k]);
  const auto scale = static_cast<float>(norm / std::sqrt(squared));
  for (std::size_t k = 0; k < dims; ++k) row[k] *= scale;
}

/// count x dims, independent, of norm 1
std::vector<float> unit_rows(std::size_t count, std::size_t dims, std::uint64_t seed) {
  Draws draws(seed);
  std::vector<float> rows(count * dims);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < dims; ++k) rows[i * dims + k] = draws.normal();
    scale_to(&rows[i * dims], dims, 1);
  }
  return rows;
}

struct Problem {
  std::size_t features, dims, active;
};

/// Mixtures of `active` atoms of `atoms`, with a tenth of noise, of norm 3/4 (the table wants 1/2 to 1).
std::vector<float> mixtures(const Problem& problem, const std::vector<float>& atoms, std::size_t count) {
  const std::size_t dims = problem.dims;
  Draws draws(2);
  std::vector<float> samples(count * dims);
  for (std::size_t i = 0; i < count; ++i) {
    float* x = &samples[i * dims];
    for (std::size_t chosen = 0; chosen < problem.active; ++chosen) {
      const float* atom = &atoms[draws.below(problem.features) * dims];
      const double sign = draws.bits() >> 63 ? 1 : -1;
      const auto weight = static_cast<float>((0.5 + draws.uniform()) * sign);
      for (std::size_t k = 0; k < dims; ++k) x[k] += weight * atom[k];
    }
    scale_to(x, dims, 1);
    const auto noise = static_cast<float>(0.1 / std::sqrt(static_cast<double>(dims)));
    for (std::size_t k = 0; k < dims; ++k) x[k] += noise * draws.normal();
    scale_to(x, dims, 0.75);
  }
  return samples;
}

const UnsuperposeCuda& table = *unsuperpose_cuda_table();

void require(int code, const UnsuperposeCudaError& error) {
  if (code != UNSUPERPOSE_CUDA_OK) throw Failure{code, error.message, error.bytes_wanted, error.bytes_free};
}

/// Steps of training a TopK autoencoder whose features are the atoms that samples are mixed of.
void time_train(const Problem& problem, std::size_t batch, std::uint64_t dead_after) {
  constexpr const char* kStages[] = {"copy", "encode",  "decode", "revive",
                                     "sort", "measure", "update", "all"};
  using Clock = std::chrono::steady_clock;
  const std::size_t features = problem.features, dims = problem.dims;
  std::vector<float> decoder = unit_rows(features, dims, 1), encoder(features * (dims + 1)), bias(dims),
                     moments(features * (dims + 1));
  std::vector<float> samples = mixtures(problem, decoder, batch);
  for (std::size_t j = 0; j < features; ++j) std::copy_n(&decoder[j * dims], dims, &encoder[j * (dims + 1)]);
  std::vector<std::uint64_t> last_used(features), usage(features);
  std::vector<std::uint32_t> dead(features);
  UnsuperposeCudaTraining training{};
  training.subtract_bias = 1;
  training.features = features;
  training.inputs = training.outputs = dims;
  training.dead_after = dead_after;
  training.auxiliary_k = dims / 2;
  training.auxiliary = 1;
  training.clip = 1;
  UnsuperposeCudaError error{};
  UnsuperposeCudaTrainer* trainer = nullptr;
  require(table.trainer_open(0, &training, &trainer, &error), error);
  UnsuperposeCudaTrained trained{};
  trained.encoder = {encoder.data(), moments.data(), moments.data(), features, dims + 1, dims + 1};
  trained.decoder = {decoder.data(), moments.data(), moments.data(), features, dims, dims};
  trained.bias = {bias.data(), moments.data(), moments.data(), 1, dims, dims};
  trained.last_used = last_used.data();
  trained.usage = usage.data();
  trained.dead = dead.data();
  require(table.trainer_write(trainer, &trained, &error), error);
  UnsuperposeCudaStep step{};
  step.samples = {samples.data(), dims, batch, dims, nullptr};
  step.input_scale = step.target_scale = std::sqrt(static_cast<double>(dims)) / 0.75;
  step.k = std::min<std::size_t>(2 * problem.active, features);
  step.rate = 1e-4f;
  step.beta1 = 0.9f;
  step.beta2 = 0.999f;
  step.correction = 1;
  step.epsilon = 1e-8f;
  std::vector<double> wall, stages[8];
  UnsuperposeCudaReport report{};
  std::uint64_t dead_now = 0;
  for (int run = 0; run < kWarm + kRuns + 1; ++run) {
    step.number = static_cast<std::uint64_t>(run) + 1;
    const auto started = Clock::now();
    require(table.trainer_step(trainer, &step, &report, &error), error);
    if (report.fault != UNSUPERPOSE_CUDA_FINE) throw Failure{UNSUPERPOSE_CUDA_FAILED, "training exploded"};
    if (run <= kWarm) continue;
    wall.push_back(std::chrono::duration<double>(Clock::now() - started).count());
    for (int stage = 0; stage < 8; ++stage) stages[stage].push_back(report.stages[stage]);
    dead_now = report.dead;
  }
  table.trainer_close(trainer);
  const Spread all = spread(wall);
  std::printf(
      "{\"kernel\":\"train\",\"batch\":%zu,\"features\":%zu,\"dims\":%zu,\"k\":%zu,\"dead\":%zu,\"norm\":%."
      "3g,\"loss\":%.5g,"
      "\"wall\":{\"median\":%.4e,\"quartiles\":[%.4e,%.4e]},\"stages\":{",
      batch, features, dims, static_cast<std::size_t>(step.k), static_cast<std::size_t>(dead_now),
      report.gradient_norm, report.loss, all.median, all.quarter, all.three_quarters);
  for (int stage = 0; stage < 8; ++stage)
    std::printf("%s\"%s\":%.4e", stage == 0 ? "" : ",", kStages[stage], spread(stages[stage]).median);
  std::printf("}}\n");
  std::fflush(stdout);
}

}  // namespace

int main(int arguments, char** argument) {
  std::size_t shrink = 1, only = 0;
  for (int i = 1; i < arguments; ++i) {
    const std::string word = argument[i];
    if (word == "--shrink" && i + 1 < arguments)
      shrink = std::max<std::size_t>(1, std::strtoul(argument[++i], nullptr, 10));
    else if (word == "--features" && i + 1 < arguments)
      only = std::strtoul(argument[++i], nullptr, 10);
    else {
      std::fprintf(stderr, "arguments: [--shrink N] [--features N]; got %s\n", word.c_str());
      return 2;
    }
  }
  try {
    for (const std::uint64_t dead_after : {std::uint64_t{1} << 40, std::uint64_t{2}})
      for (const Problem& full : {Problem{16384, 1024, 32}, Problem{65536, 1024, 32}})
        if (only == 0 || only == full.features)
          time_train(
              {full.features / shrink, full.dims / shrink, std::max<std::size_t>(1, full.active / shrink)},
              4096 / shrink, dead_after);
  } catch (const Failure& failure) {
    std::fprintf(stderr, "bench_cuda_train: %s\n", failure.message.c_str());
    return 1;
  }
}
