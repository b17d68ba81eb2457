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

#include "cuda_problems.hpp"

using namespace unsuperpose::cuda;

namespace {

constexpr int kWarm = 3, kRuns = 15;

/// Steps of training a TopK autoencoder whose features are the atoms that samples are mixed of.
void time_train(const Problem& problem, std::size_t batch, std::uint64_t dead_after) {
  constexpr const char* kStages[] = {"copy",   "prepare", "sample", "select",  "choose", "again",
                                     "decode", "revive",  "sort",   "measure", "update", "all"};
  constexpr int kCount = 12;
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
  std::vector<double> wall, stages[kCount];
  UnsuperposeCudaReport report{};
  std::uint64_t dead_now = 0;
  for (int run = 0; run < kWarm + kRuns + 1; ++run) {
    step.number = static_cast<std::uint64_t>(run) + 1;
    const auto started = Clock::now();
    require(table.trainer_step(trainer, &step, &report, &error), error);
    if (report.fault != UNSUPERPOSE_CUDA_FINE) throw Failure{UNSUPERPOSE_CUDA_FAILED, "training exploded"};
    if (run <= kWarm) continue;
    wall.push_back(std::chrono::duration<double>(Clock::now() - started).count());
    for (int stage = 0; stage < kCount; ++stage) stages[stage].push_back(report.stages[stage]);
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
  for (int stage = 0; stage < kCount; ++stage)
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
