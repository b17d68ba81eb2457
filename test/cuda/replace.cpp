// Rows that are replaced on a device, against rows that were uploaded as they are then: the same answers to the bit, in every precision that was
// rounded before, and in those that are rounded after. Runs on the emulation, and on a GPU (npm run gpu-check).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "table.hpp"

namespace {

constexpr unsigned kCapacity = 128;

/// Row i, made hard to round: ordinary, zero, one entry, entries of very different size, tiny, huge.
void fill(float* row, std::size_t dims, std::size_t kind, std::mt19937& random) {
  std::normal_distribution<float> normal;
  for (std::size_t k = 0; k < dims; ++k) row[k] = normal(random) / std::sqrt(static_cast<float>(dims));
  switch (kind % 7) {
    case 2: std::fill_n(row, dims, 0.0f); break;
    case 3: std::fill_n(row, dims, 0.0f), row[random() % dims] = -1; break;
    case 4:
      for (std::size_t k = 0; k < dims; ++k) row[k] *= std::pow(10.0f, -static_cast<float>(k % 9));
      break;
    case 5:
      for (std::size_t k = 0; k < dims; ++k) row[k] *= 1e-30f;
      break;
    case 6:
      for (std::size_t k = 0; k < dims; ++k) row[k] *= 1e12f;
      break;
  }
}

struct Rows {
  UnsuperposeCudaRows* handle = nullptr;
  explicit Rows(const std::vector<float>& data, std::size_t count, std::size_t dims) {
    UnsuperposeCudaError error;
    const UnsuperposeCudaMatrix from{data.data(), dims, count, dims, nullptr};
    require(table.upload(0, &from, &handle, &error), error);
  }
  ~Rows() { table.release(handle); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
};

std::vector<float> moved(const Rows& rows, std::size_t count, int precision) {
  std::vector<float> found(count);
  UnsuperposeCudaError error;
  require(table.moved(rows.handle, precision, found.data(), &error), error);
  return found;
}

struct Scores {
  std::vector<std::uint32_t> counts;
  std::vector<UnsuperposeCudaEntry> entries;
  bool operator==(const Scores& other) const {
    return counts == other.counts && entries.size() == other.entries.size() &&
           std::equal(entries.begin(), entries.end(), other.entries.begin(),
                      [](const UnsuperposeCudaEntry& a, const UnsuperposeCudaEntry& b) {
                        return a.index == b.index && a.value == b.value;
                      });
  }
};

Scores strongest(const Rows& rows, const std::vector<float>& vectors, std::size_t dims, int precision) {
  const std::size_t count = vectors.size() / dims;
  UnsuperposeCudaError error;
  UnsuperposeCudaScan* scan = nullptr;
  require(table.open(rows.handle, &scan, &error), error);
  const UnsuperposeCudaMatrix from{vectors.data(), dims, count, dims, nullptr};
  std::vector<double> norms(count), off(count);
  require(table.set_vectors(scan, &from, precision, norms.data(), off.data(), &error), error);
  const std::vector<float> floors(count, 0);
  const UnsuperposeCudaSelect select{precision, 0, floors.data(), nullptr};
  Scores found;
  found.counts.resize(count);
  require(table.strongest(scan, &select, 9, found.counts.data(), &error), error);
  std::size_t total = 0;
  for (const std::uint32_t listed : found.counts) total += listed;
  found.entries.resize(total);
  require(table.entries(scan, found.entries.data(), &error), error);
  table.close(scan);
  return found;
}

struct Codes {
  std::vector<std::uint32_t> indices, count, rounds;
  std::vector<float> values;
  std::vector<std::uint8_t> outcome;
  std::vector<double> gap, objective, squared;
  bool operator==(const Codes&) const = default;
};

Codes lasso(const Rows& rows, const std::vector<float>& samples, std::size_t dims) {
  const std::size_t n = samples.size() / dims;
  Codes found{std::vector<std::uint32_t>(n * kCapacity),
              std::vector<std::uint32_t>(n),
              std::vector<std::uint32_t>(n),
              std::vector<float>(n * kCapacity),
              std::vector<std::uint8_t>(n),
              std::vector<double>(n),
              std::vector<double>(n),
              std::vector<double>(n)};
  const std::vector<double> lambda(n, 0.05);
  UnsuperposeCudaLasso problem{};
  problem.samples = {samples.data(), dims, n, dims, nullptr};
  problem.lambda = lambda.data();
  problem.tolerance = 1e-6;
  problem.max_rounds = 40;
  problem.capacity = kCapacity;
  UnsuperposeCudaCodes codes{found.indices.data(),   found.values.data(),  found.count.data(),
                             found.outcome.data(),   found.rounds.data(),  found.gap.data(),
                             found.objective.data(), found.squared.data(), {}};
  UnsuperposeCudaError error;
  require(table.lasso(rows.handle, &problem, &codes, &error), error);
  return found;
}

/// `hard`: rows of every size, which the lasso is not asked of.
void test(std::size_t count, std::size_t dims, bool hard, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> data(count * dims), samples(5 * dims);
  for (std::size_t j = 0; j < count; ++j) fill(data.data() + j * dims, dims, hard ? j : 0, random);
  for (std::size_t i = 0; i < 5; ++i) {
    float* x = samples.data() + i * dims;
    double squared = 0;
    for (std::size_t k = 0; k < dims; ++k) {
      x[k] = data[(i * 7 % count) * dims + k] - (i > 1 ? data[(i * 3 % count) * dims + k] : 0);
      squared += static_cast<double>(x[k]) * static_cast<double>(x[k]);
    }
    const double scale = squared > 0 ? 0.75 / std::sqrt(squared) : 0;
    for (std::size_t k = 0; k < dims; ++k) x[k] = static_cast<float>(scale * static_cast<double>(x[k]));
  }
  const Rows changing(data, count, dims);
  // Some precisions are there before, the others are made after.
  moved(changing, count, UNSUPERPOSE_CUDA_INT8);
  if (!hard && seed % 2 == 0) lasso(changing, samples, dims);
  std::vector<std::vector<std::uint32_t>> turns{{}, {static_cast<std::uint32_t>(count - 1)}, {}, {}};
  for (std::uint32_t j = 0; j < count; j += 3) turns[2].push_back(static_cast<std::uint32_t>(count) - 1 - j);
  for (std::uint32_t j = 0; j < count; ++j) turns[3].push_back(j);
  for (const std::vector<std::uint32_t>& which : turns) {
    // From a matrix of wider rows, some of them skipped.
    const std::size_t stride = dims + 5;
    std::vector<float> from(2 * which.size() * stride + 1, 7.0f);
    std::vector<std::uint32_t> pick;
    for (std::size_t i = 0; i < which.size(); ++i) {
      pick.push_back(static_cast<std::uint32_t>(2 * i + 1));
      float* row = from.data() + pick.back() * stride;
      fill(row, dims, hard ? random() : 0, random);
      std::copy_n(row, dims, data.data() + which[i] * dims);
    }
    const UnsuperposeCudaMatrix rows{from.data(), stride, which.size(), dims, pick.data()};
    UnsuperposeCudaError error;
    require(table.replace(changing.handle, &rows, which.data(), &error), error);
    const Rows anew(data, count, dims);
    for (const int precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16}) {
      EXPECT(moved(changing, count, precision) == moved(anew, count, precision));
      const Scores one = strongest(changing, samples, dims, precision),
                   two = strongest(anew, samples, dims, precision);
      EXPECT(one.counts.size() == 5 && one == two);
    }
    if (!hard) EXPECT(lasso(changing, samples, dims) == lasso(anew, samples, dims));
    EXPECT(table.bytes(changing.handle) == table.bytes(anew.handle));
  }
}

}  // namespace

int main(int argc, char**) {
  unsigned seed = 1;
  for (const bool hard : {false, true}) {
    test(1, 3, hard, ++seed);
    test(40, 24, hard, ++seed);
    test(130, 33, hard, ++seed);
    test(300, 129, hard, ++seed);
    if (argc > 1) test(9000, 512, hard, ++seed);  // on a GPU
  }
  return ended();
}
