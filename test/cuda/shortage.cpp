// Little memory of a device: at each size of a fine scan a call answers with the bits that it has where there is plenty, or that memory is wanting; it
// never fails otherwise, and the device is not lost. On the emulation, whose memory may be of any size.
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "emulation.hpp"
#include "table.hpp"

namespace {

/// Features from which floors come from thresholds, which take memory within a pass.
constexpr std::size_t kFeatures = 2048, kDims = 16, kCapacity = 128, kListed = 2048;

std::vector<float> unit_rows(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> rows(count * kDims);
  for (std::size_t i = 0; i < count; ++i) {
    double squared = 0;
    for (std::size_t k = 0; k < kDims; ++k) {
      const float v = rows[i * kDims + k] = normal(random);
      squared += static_cast<double>(v) * static_cast<double>(v);
    }
    for (std::size_t k = 0; k < kDims; ++k)
      rows[i * kDims + k] *= static_cast<float>(0.75 / std::sqrt(squared));
  }
  return rows;
}

/// What a call has answered; all that it may leave as it was is zero.
struct Answer {
  int code = 0;
  UnsuperposeCudaError error{};
  std::vector<std::uint32_t> indices, count, rounds;
  std::vector<float> values;
  std::vector<std::uint8_t> outcome;
  std::vector<double> figures[3];
  explicit Answer(std::size_t n)
      : indices(n * kCapacity), count(n), rounds(n), values(n * kCapacity), outcome(n) {
    for (std::vector<double>& each : figures) each.resize(n);
  }
  bool same(const Answer& other) const {
    for (int i = 0; i < 3; ++i)
      if (figures[i] != other.figures[i]) return false;
    return indices == other.indices && count == other.count && rounds == other.rounds &&
           values == other.values && outcome == other.outcome;
  }
};

using Call = void (*)(UnsuperposeCudaRows*, const std::vector<float>& samples, Answer&);

void lasso(UnsuperposeCudaRows* rows, const std::vector<float>& samples, Answer& out) {
  const std::size_t n = out.count.size();
  const std::vector<double> lambda(n, 0.3);
  UnsuperposeCudaLasso problem{};
  problem.samples = {samples.data(), kDims, n, kDims, nullptr};
  problem.lambda = lambda.data();
  problem.tolerance = 1e-4;
  problem.max_rounds = 3;
  problem.capacity = kCapacity;
  UnsuperposeCudaCodes codes{out.indices.data(),    out.values.data(),     out.count.data(),
                             out.outcome.data(),    out.rounds.data(),     out.figures[0].data(),
                             out.figures[1].data(), out.figures[2].data(), {}};
  out.code = table.lasso(rows, &problem, &codes, &out.error);
}

void pursue(UnsuperposeCudaRows* rows, const std::vector<float>& samples, Answer& out) {
  const std::size_t n = out.count.size();
  const std::vector<std::uint32_t> most(n, 2);
  const std::vector<double> residual(n, 0.0);
  UnsuperposeCudaPursuit problem{};
  problem.samples = {samples.data(), kDims, n, kDims, nullptr};
  problem.most = most.data();
  problem.residual = residual.data();
  problem.all_explained = 1;
  problem.capacity = kCapacity;
  UnsuperposeCudaSupports supports{out.indices.data(),
                                   out.values.data(),
                                   out.count.data(),
                                   out.outcome.data(),
                                   out.rounds.data(),
                                   out.figures[0].data(),
                                   {}};
  out.code = table.pursue(rows, &problem, &supports, &out.error);
}

void unroll(UnsuperposeCudaRows* rows, const std::vector<float>& samples, Answer& out) {
  const std::size_t n = out.count.size();
  const std::vector<float> weights = unit_rows(kFeatures, 2);
  const UnsuperposeCudaMatrix matrix{weights.data(), kDims, kFeatures, kDims, nullptr};
  UnsuperposeCudaRows* forward = nullptr;
  out.code = table.upload(0, &matrix, &forward, &out.error);
  if (out.code != 0) return;
  const UnsuperposeCudaLayer layer{forward, 1, 0.3f, 0};
  UnsuperposeCudaLayers network{};
  network.samples = {samples.data(), kDims, n, kDims, nullptr};
  network.layers = &layer;
  network.count = 1;
  network.capacity = kListed;
  network.context = &out;
  network.take = [](void* context, std::uint64_t sample, const UnsuperposeCudaEntry* code,
                    std::uint32_t count) {
    Answer& to = *static_cast<Answer*>(context);
    to.count[sample] = count;
    to.outcome[sample] = code ? 1 : 2;
    for (std::uint32_t i = 0; code && i < count; ++i)
      to.figures[0][sample] += (1.0 + code[i].index) * static_cast<double>(code[i].value);
  };
  out.code = table.unroll(rows, &network, &out.error);
  table.release(forward);
}

/// `all`: every feature of each vector.
void strongest(UnsuperposeCudaRows* rows, const std::vector<float>& samples, Answer& out, bool all) {
  const std::size_t n = out.count.size();
  const UnsuperposeCudaMatrix vectors{samples.data(), kDims, n, kDims, nullptr};
  UnsuperposeCudaScan* scan = nullptr;
  out.code = table.open(rows, &scan, &out.error);
  if (out.code != 0) return;
  std::vector<double> norms(n), moved(n);
  const std::vector<float> floors(n, 0);
  const UnsuperposeCudaSelect select{UNSUPERPOSE_CUDA_FLOAT16, 0, floors.data(), nullptr};
  out.code = table.set_vectors(scan, &vectors, select.precision, norms.data(), moved.data(), &out.error);
  if (out.code == 0)
    out.code = all ? table.above(scan, &select, out.count.data(), &out.error)
                   : table.strongest(scan, &select, 512, out.count.data(), &out.error);
  if (out.code == 0) {
    std::size_t entries = 0;
    for (const std::uint32_t count : out.count) entries += count;
    std::vector<UnsuperposeCudaEntry> found(entries);
    out.code = table.entries(scan, found.data(), &out.error);
    out.indices.clear();
    for (const UnsuperposeCudaEntry& entry : found) {
      out.indices.push_back(entry.index);
      out.values.push_back(entry.value);
    }
  }
  if (out.code == 0) {
    // And what is listed, in float64.
    std::vector<std::uint32_t> which(n);
    std::vector<std::uint64_t> begin(n + 1);
    for (std::uint32_t i = 0; i < n; ++i) {
      which[i] = i;
      begin[i + 1] = begin[i] + out.count[i];
    }
    const UnsuperposeCudaPairs pairs{n, which.data(), begin.data(), out.indices.data(), kDims, 8};
    std::vector<double> products(out.indices.size());
    out.code = table.multiply(scan, &pairs, products.data(), &out.error);
    for (std::size_t i = 0; i < n; ++i)
      for (std::uint64_t e = begin[i]; e < begin[i + 1]; ++e)
        out.figures[0][i] += static_cast<double>(e + 1) * products[e];
  }
  table.close(scan);
}
void strongest(UnsuperposeCudaRows* rows, const std::vector<float>& samples, Answer& out) {
  strongest(rows, samples, out, false);
}
void above(UnsuperposeCudaRows* rows, const std::vector<float>& samples, Answer& out) {
  strongest(rows, samples, out, true);
}

/// Of a device with so much memory, as if the process had just begun.
Answer ask(Call call, std::size_t samples, std::uint64_t memory) {
  unsuperpose::cuda::emulation::faults().memory = memory;
  unsuperpose::cuda::emulation::start_afresh();
  static const std::vector<float> atoms = unit_rows(kFeatures, 1), all = unit_rows(24, 3);
  Answer answer(samples);
  const UnsuperposeCudaMatrix matrix{atoms.data(), kDims, kFeatures, kDims, nullptr};
  UnsuperposeCudaRows* rows = nullptr;
  answer.code = table.upload(0, &matrix, &rows, &answer.error);
  if (answer.code != 0) return answer;
  call(rows, all, answer);
  table.release(rows);
  return answer;
}

void scan(const char* name, Call call, std::size_t samples, std::uint64_t from, std::uint64_t to) {
  const Answer plenty = ask(call, samples, std::uint64_t{1} << 30);
  require(plenty.code, plenty.error);
  std::size_t fine = 0, wanting = 0;
  constexpr std::uint64_t kSizes = 24;
  for (std::uint64_t i = 0; i <= kSizes; ++i) {
    const std::uint64_t memory = from + (to - from) * i / kSizes;
    const Answer answer = ask(call, samples, memory);
    if (answer.code == 0) {
      ++fine;
      EXPECT(answer.same(plenty));
      continue;
    }
    ++wanting;
    EXPECT(answer.code == UNSUPERPOSE_CUDA_MEMORY);
    EXPECT(answer.error.bytes_wanted > 0);
    if (answer.code != UNSUPERPOSE_CUDA_MEMORY)
      std::printf("%s in %llu bytes: %d, %s\n", name, static_cast<unsigned long long>(memory), answer.code,
                  answer.error.message);
  }
  std::printf("%s: of %llu sizes %zu are enough\n", name, static_cast<unsigned long long>(kSizes + 1), fine);
  EXPECT(fine > 0 && wanting > 0);
}

}  // namespace

/// A device that no call asks for has nothing of this process.
void others_are_left_alone() {
  namespace emulation = unsuperpose::cuda::emulation;
  emulation::faults().devices = 2;
  emulation::start_afresh();
  UnsuperposeCudaError error;
  UnsuperposeCudaDescription description;
  for (const std::int32_t device : {0, 1}) require(table.describe(device, &description, &error), error);
  EXPECT(description.memory > 0 && description.free == 0);
  EXPECT(!emulation::started(0) && !emulation::started(1));
  void* pinned = nullptr;
  require(table.pin(1, 1000, &pinned, &error), error);
  const std::vector<float> atoms = unit_rows(kFeatures, 1), samples = unit_rows(3, 3);
  const UnsuperposeCudaMatrix matrix{atoms.data(), kDims, kFeatures, kDims, nullptr};
  UnsuperposeCudaRows* rows = nullptr;
  require(table.upload(1, &matrix, &rows, &error), error);
  for (const Call call : {lasso, pursue}) {
    Answer answer(3);
    call(rows, samples, answer);
    EXPECT(answer.code == UNSUPERPOSE_CUDA_OK);
  }
  table.release(rows);
  table.unpin(pinned);
  EXPECT(emulation::started(1) && !emulation::started(0));
  require(table.describe(1, &description, &error), error);
  EXPECT(description.free > 0);
  require(table.describe(0, &description, &error), error);
  EXPECT(description.free == 0 && !emulation::started(0));
  emulation::faults().devices = 1;
  emulation::start_afresh();
}

int main() {
  others_are_left_alone();
  scan("lasso", lasso, 24, 2'400'000, 4'800'000);
  scan("pursuit", pursue, 24, 400'000, 1'400'000);
  scan("layers", unroll, 24, 1'000'000, 3'400'000);
  scan("strongest", strongest, 24, 300'000, 1'400'000);
  scan("above", above, 24, 300'000, 1'400'000);
  return ended();
}
