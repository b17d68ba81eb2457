// What the CUDA module's kernels take on a GPU, by the GPU's own clock: the selecting products, by wgmma and by mma.sync, and the stages of the
// lasso and of orthogonal matching pursuit. One line of JSON a measurement. bench/cuda.ts times the same through the API, copies and all.
//   npm run build:cuda && cmake --build build --target gpu_bench && build/cuda/bench_cuda_kernels [select] [lasso] [pursuit]
// `npm run gpu-check` runs it too. A tiny size, for a try: build/cuda/bench_cuda_kernels --shrink 64. Of the lasso, one size alone: --features 65536
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../native/cuda/rows.hpp"
#include "cuda_problems.hpp"

using namespace unsuperpose::cuda;

namespace {

constexpr int kWarm = 2, kRuns = 9;

const char* name_of(int precision) { return precision == UNSUPERPOSE_CUDA_INT8 ? "int8" : "float16"; }

/// Rows on the device, rounded.
struct Rounded {
  RoundedRows rows;
  std::size_t count;
  Rounded(const std::vector<float>& from, std::size_t dims, int precision, const Stream& stream)
      : count(from.size() / dims) {
    Memory<float> given(from.size());
    stream.to_device(given.data(), from.data(), from.size());
    rows.reserve(count, dims, precision);
    round_rows(given.data(), nullptr, count, padded_rows(count), dims, precision, rows.tiles(), nullptr,
               nullptr, stream.get());
    stream.wait();
  }
};

struct Product {
  std::size_t left, right, dims;
};

/// |product| of two unit rows of normal numbers that `passing` of `right` exceed: 2 Φ(−t √dims) = passing / right.
float floor_of(const Product& product, double passing) {
  double low = 0, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2.0)) * static_cast<double>(product.right) > passing ? low : high) = middle;
  }
  return static_cast<float>(low / std::sqrt(static_cast<double>(product.dims)));
}

void time_select(const Device& device, const Product& product, const std::vector<float>& left_rows,
                 const std::vector<float>& right_rows, int precision) {
  constexpr unsigned kCapacity = 256;
  const Stream stream;
  const Rounded left(left_rows, product.dims, precision, stream),
      right(right_rows, product.dims, precision, stream);
  Memory<float> factors(padded_rows(right.count)), floors(left.count);
  Memory<UnsuperposeCudaEntry> entries(left.count * kCapacity);
  Memory<unsigned> counts(left.count);
  column_factors(right.rows.tiles().scales, nullptr, right.count, padded_rows(right.count), factors.data(),
                 stream.get());
  Select select;
  select.left = left.rows.tiles();
  select.right = right.rows.tiles();
  select.left_count = left.count;
  select.right_count = right.count;
  select.factors = factors.data();
  select.floors = floors.data();
  select.entries = entries.data();
  select.counts = counts.data();
  select.capacity = kCapacity;
  for (const double passing : {0.01, 90.0}) {
    const std::vector<float> floor(left.count, floor_of(product, passing));
    stream.to_device(floors.data(), floor.data(), floor.size());
    stream.wait();
    for (const bool hopper : {true, false}) {
      if (hopper && !device.hopper) continue;
      std::vector<double> seconds;
      for (int run = 0; run < kWarm + kRuns; ++run) {
        Event before, after;
        stream.zero(counts.data(), left.count);
        before.record(stream.get());
        select_rows(select, precision, hopper, device.multiprocessors, device.shared_limit, stream.get());
        after.record(stream.get());
        after.wait();
        if (run >= kWarm) seconds.push_back(after.since(before));
      }
      std::vector<unsigned> passed(left.count);
      stream.to_host(passed.data(), counts.data(), left.count);
      stream.wait();
      std::size_t lost = 0;  // rows of which wgmma's queues lost some
      double all = 0;
      for (const unsigned count : passed)
        if (count >= kLost)
          ++lost;
        else
          all += count;
      const Spread s = spread(seconds);
      const double operations = 2.0 * static_cast<double>(product.left) * static_cast<double>(product.right) *
                                static_cast<double>(product.dims);
      std::printf(
          "{\"kernel\":\"select\",\"by\":\"%s\",\"precision\":\"%s\",\"left\":%zu,\"right\":%zu,\"dims\":%zu,"
          "\"passed\":%.4g,\"lost\":%zu,\"seconds\":{\"median\":%.4e,\"quartiles\":[%.4e,%.4e]},\"tera\":%."
          "4g}\n",
          hopper ? "wgmma" : "mma.sync", name_of(precision), product.left, product.right, product.dims,
          all / static_cast<double>(std::max<std::size_t>(1, left.count - lost)), lost, s.median, s.quarter,
          s.three_quarters, operations / s.median / 1e12);
      std::fflush(stdout);
    }
  }
}

/// The mean over some samples of max|D·x|.
double mean_strongest(UnsuperposeCudaRows* rows, UnsuperposeCudaMatrix samples) {
  samples.count = std::min<std::uint64_t>(samples.count, 64);
  UnsuperposeCudaError error{};
  UnsuperposeCudaScan* scan = nullptr;
  require(table.open(rows, &scan, &error), error);
  std::vector<double> norms(samples.count), moved(samples.count);
  std::vector<std::uint32_t> counts(samples.count);
  std::vector<UnsuperposeCudaEntry> entries(samples.count);
  require(table.set_vectors(scan, &samples, UNSUPERPOSE_CUDA_FLOAT16, norms.data(), moved.data(), &error),
          error);
  const UnsuperposeCudaSelect select{UNSUPERPOSE_CUDA_FLOAT16, 0, nullptr, nullptr};
  require(table.strongest(scan, &select, 1, counts.data(), &error), error);
  require(table.entries(scan, entries.data(), &error), error);
  table.close(scan);
  double sum = 0;
  for (const UnsuperposeCudaEntry& entry : entries) sum += std::abs(static_cast<double>(entry.value));
  return sum / static_cast<double>(samples.count);
}

void time_lasso(const Problem& problem, std::size_t batch) {
  constexpr std::uint32_t kCapacity = 128;
  constexpr const char* kStages[] = {"round",   "select",   "choose", "gram",
                                     "descend", "evaluate", "copies", "all"};
  using Clock = std::chrono::steady_clock;
  const std::vector<float> atoms = unit_rows(problem.features, problem.dims, 1),
                           samples = mixtures(problem, atoms, batch);
  UnsuperposeCudaError error{};
  UnsuperposeCudaRows* rows = nullptr;
  const UnsuperposeCudaMatrix dictionary{atoms.data(), problem.dims, problem.features, problem.dims, nullptr};
  require(table.upload(0, &dictionary, &rows, &error), error);
  UnsuperposeCudaLasso lasso{};
  lasso.samples = {samples.data(), problem.dims, batch, problem.dims, nullptr};
  const double lambda = 0.1 * mean_strongest(rows, lasso.samples);
  const std::vector<double> lambdas(batch, lambda);
  lasso.lambda = lambdas.data();
  lasso.max_rounds = 60;
  lasso.capacity = kCapacity;
  std::vector<std::uint32_t> indices(batch * kCapacity), count(batch), rounds(batch);
  std::vector<float> values(batch * kCapacity);
  std::vector<std::uint8_t> outcome(batch);
  std::vector<double> gap(batch), objective(batch), squared_residual(batch);
  for (const double tolerance : {1e-3, 1e-4}) {
    lasso.tolerance = tolerance;
    UnsuperposeCudaCodes codes{indices.data(),   values.data(),           count.data(),
                               outcome.data(),   rounds.data(),           gap.data(),
                               objective.data(), squared_residual.data(), {}};
    std::vector<double> wall, stages[8];
    for (int run = 0; run < kWarm + kRuns; ++run) {
      const auto started = Clock::now();
      require(table.lasso(rows, &lasso, &codes, &error), error);
      if (run < kWarm) continue;
      wall.push_back(std::chrono::duration<double>(Clock::now() - started).count());
      for (int stage = 0; stage < 8; ++stage) stages[stage].push_back(codes.stages[stage]);
    }
    double active = 0, solves = 0;
    for (std::size_t i = 0; i < batch; ++i) active += count[i], solves += rounds[i];
    const auto n = static_cast<double>(batch);
    const Spread all = spread(wall);
    std::printf(
        "{\"kernel\":\"lasso\",\"batch\":%zu,\"features\":%zu,\"dims\":%zu,\"mixed\":%zu,\"weights\":\"%s\","
        "\"lambda\":%.5g,\"tolerance\":%.0e,\"converged\":%td,\"active\":%.4g,\"rounds\":%.3g,"
        "\"wall\":{\"median\":%.4e,\"quartiles\":[%.4e,%.4e]},\"stages\":{",
        batch, problem.features, problem.dims, problem.active, problem.uneven ? "normal" : "uniform", lambda,
        tolerance, std::count(outcome.begin(), outcome.end(), UNSUPERPOSE_CUDA_CONVERGED), active / n,
        solves / n, all.median, all.quarter, all.three_quarters);
    for (int stage = 0; stage < 8; ++stage)
      std::printf("%s\"%s\":%.4e", stage == 0 ? "" : ",", kStages[stage], spread(stages[stage]).median);
    std::printf("}}\n");
    std::fflush(stdout);
  }
  table.release(rows);
}

/// 32 atoms a sample: of mixtures, whose atoms stand out, and of noise alone, where many are near to one another.
void time_pursuit(const Problem& problem, std::size_t batch) {
  constexpr std::uint32_t kCapacity = 128;
  constexpr const char* kStages[] = {"round", "select", "pick", "append", "-", "answer", "copies", "all"};
  using Clock = std::chrono::steady_clock;
  const std::vector<float> atoms = unit_rows(problem.features, problem.dims, 1);
  UnsuperposeCudaError error{};
  UnsuperposeCudaRows* rows = nullptr;
  const UnsuperposeCudaMatrix dictionary{atoms.data(), problem.dims, problem.features, problem.dims, nullptr};
  require(table.upload(0, &dictionary, &rows, &error), error);
  const std::vector<std::uint32_t> most(batch, static_cast<std::uint32_t>(problem.active));
  const std::vector<double> residual(batch, 0.0);
  std::vector<std::uint32_t> indices(batch * kCapacity), count(batch), choices(batch);
  std::vector<float> values(batch * kCapacity);
  std::vector<std::uint8_t> outcome(batch);
  std::vector<double> squared_residual(batch);
  for (const bool noise : {false, true}) {
    std::vector<float> samples = noise ? unit_rows(batch, problem.dims, 3) : mixtures(problem, atoms, batch);
    for (std::size_t i = 0; noise && i < batch; ++i) scale_to(&samples[i * problem.dims], problem.dims, 0.75);
    UnsuperposeCudaPursuit pursuit{};
    pursuit.samples = {samples.data(), problem.dims, batch, problem.dims, nullptr};
    pursuit.most = most.data();
    pursuit.residual = residual.data();
    pursuit.all_explained = 1;
    pursuit.capacity = kCapacity;
    UnsuperposeCudaSupports supports{indices.data(),
                                     values.data(),
                                     count.data(),
                                     outcome.data(),
                                     choices.data(),
                                     squared_residual.data(),
                                     {}};
    std::vector<double> wall, stages[8];
    for (int run = 0; run < kWarm + kRuns; ++run) {
      const auto started = Clock::now();
      require(table.pursue(rows, &pursuit, &supports, &error), error);
      if (run < kWarm) continue;
      wall.push_back(std::chrono::duration<double>(Clock::now() - started).count());
      for (int stage = 0; stage < 8; ++stage) stages[stage].push_back(supports.stages[stage]);
    }
    const Spread all = spread(wall);
    std::printf(
        "{\"kernel\":\"pursuit\",\"of\":\"%s\",\"batch\":%zu,\"features\":%zu,\"dims\":%zu,\"atoms\":%zu,"
        "\"finished\":%td,\"wall\":{\"median\":%.4e,\"quartiles\":[%.4e,%.4e]},\"stages\":{",
        noise ? "noise" : "mixtures", batch, problem.features, problem.dims, problem.active,
        std::count(outcome.begin(), outcome.end(), UNSUPERPOSE_CUDA_PURSUED), all.median, all.quarter,
        all.three_quarters);
    for (int stage = 0; stage < 8; ++stage)
      std::printf("%s\"%s\":%.4e", stage == 0 ? "" : ",", kStages[stage], spread(stages[stage]).median);
    std::printf("}}\n");
    std::fflush(stdout);
  }
  table.release(rows);
}

}  // namespace

int main(int arguments, char** argument) {
  std::size_t shrink = 1, features = 0;
  bool selects = false, lassos = false, pursuits = false;
  for (int i = 1; i < arguments; ++i) {
    const std::string word = argument[i];
    if (word == "select")
      selects = true;
    else if (word == "lasso")
      lassos = true;
    else if (word == "pursuit")
      pursuits = true;
    else if (word == "--shrink" && i + 1 < arguments)
      shrink = std::max<std::size_t>(1, std::strtoul(argument[++i], nullptr, 10));
    else if (word == "--features" && i + 1 < arguments)
      features = std::strtoul(argument[++i], nullptr, 10);
    else {
      std::fprintf(stderr, "arguments: [select] [lasso] [pursuit] [--shrink N] [--features N]; got %s\n",
                   word.c_str());
      return 2;
    }
  }
  const bool all = selects == lassos && lassos == pursuits;
  try {
    const Device device(0);
    if (all || selects)
      for (const Product& full :
           {Product{4096, 16384, 1024}, Product{4096, 65536, 1024}, Product{65536, 65536, 512}}) {
        const Product product{full.left / shrink, full.right / shrink, full.dims / shrink};
        const std::vector<float> left = unit_rows(product.left, product.dims, 1),
                                 right = unit_rows(product.right, product.dims, 2);
        for (const int precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16})
          time_select(device, product, left, right, precision);
      }
    if (all || lassos)
      for (const Problem& full :
           {Problem{16384, 1024, 32}, Problem{65536, 1024, 32}, Problem{65536, 1024, 32, true},
            Problem{262144, 1024, 32}, Problem{262144, 1024, 32, true}, Problem{65536, 2304, 64}})
        if (features == 0 || features == full.features)
          time_lasso({full.features / shrink, full.dims / shrink,
                      std::max<std::size_t>(1, full.active / shrink), full.uneven},
                     4096 / shrink);
    if (all || pursuits)
      for (const Problem& full : {Problem{16384, 1024, 32}, Problem{65536, 1024, 32}})
        time_pursuit(
            {full.features / shrink, full.dims / shrink, std::max<std::size_t>(1, full.active / shrink)},
            4096 / shrink);
  } catch (const Failure& failure) {
    std::fprintf(stderr, "bench_cuda_kernels: %s\n", failure.message.c_str());
    return 1;
  }
}
