// Scores on a device against float64: what is kept is right, and nothing that should be kept is missing, within the bounds that the
// device states. Runs on the emulation, and on a GPU (npm run gpu-check).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "table.hpp"

namespace {

struct Matrix {
  std::size_t rows, cols;
  std::vector<float> data;
  Matrix(std::size_t rows_, std::size_t cols_) : rows(rows_), cols(cols_), data(rows_ * cols_) {}
  const float* row(std::size_t i) const { return data.data() + i * cols; }
  float* row(std::size_t i) { return data.data() + i * cols; }
};

double dot(const float* a, const float* b, std::size_t n) {
  double sum = 0;
  for (std::size_t k = 0; k < n; ++k) sum += static_cast<double>(a[k]) * static_cast<double>(b[k]);
  return sum;
}

/// Rows that are hard on a rounded format, among Gaussian ones: zeros, one entry, entries of very different size, equal rows, tiny and huge ones.
Matrix hard_rows(std::size_t rows, std::size_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Matrix made(rows, cols);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < cols; ++k) made.row(i)[k] = normal(random);
    switch (i % 11) {
      case 3: std::fill_n(made.row(i), cols, 0.0f); break;
      case 4: std::fill_n(made.row(i), cols, 0.0f), made.row(i)[random() % cols] = -1; break;
      case 5:
        for (std::size_t k = 0; k < cols; ++k) made.row(i)[k] *= std::pow(10.0f, -static_cast<float>(k % 9));
        break;
      case 6:
        if (i >= 11) std::copy_n(made.row(i - 11), cols, made.row(i));
        break;
      case 7:
        for (std::size_t k = 0; k < cols; ++k) made.row(i)[k] *= 1e-25f;
        break;
      case 8:
        for (std::size_t k = 0; k < cols; ++k) made.row(i)[k] *= 1e12f;
        break;
      case 9:
        for (std::size_t k = 0; k < cols; ++k) made.row(i)[k] = k % 2 ? 1.0f : -1.0f;
        break;
    }
  }
  return made;
}

struct Found {
  std::vector<std::uint32_t> counts;
  std::vector<UnsuperposeCudaEntry> entries;
};

void test(std::size_t count, std::size_t features, std::size_t dims, int precision, bool positive,
          bool weighted, unsigned seed) {
  UnsuperposeCudaError error;
  const Matrix atoms = hard_rows(features, dims, seed), vectors = hard_rows(count, dims, seed + 1);
  std::vector<float> scale(weighted ? features : 0);
  std::mt19937 random(seed);
  for (float& s : scale) s = 0.25f + static_cast<float>(random() % 1000) / 500;
  const UnsuperposeCudaMatrix right{atoms.data.data(), dims, features, dims, nullptr};
  UnsuperposeCudaRows* rows = nullptr;
  require(table.upload(0, &right, &rows, &error), error);
  std::vector<float> moved_rows(features);
  require(table.moved(rows, precision, moved_rows.data(), &error), error);
  UnsuperposeCudaScan* scan = nullptr;
  require(table.open(rows, &scan, &error), error);
  std::vector<std::uint32_t> pick(count);
  for (std::size_t i = 0; i < count; ++i) pick[i] = static_cast<std::uint32_t>((i * 7 + 3) % count);
  const UnsuperposeCudaMatrix left{vectors.data.data(), dims, count, dims, pick.data()};
  std::vector<double> norms(count), moved(count);
  require(table.set_vectors(scan, &left, precision, norms.data(), moved.data(), &error), error);

  // Strengths in float64, and what the device's may be off by.
  const double gamma =
      precision == UNSUPERPOSE_CUDA_INT8 ? 0x1p-21 : (1.5 * static_cast<double>(dims) + 16) * 0x1p-23;
  std::vector<double> exact(count * features), off(count * features);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < features; ++j) {
      const double v = dot(vectors.row(pick[i]), atoms.row(j), dims),
                   w = weighted ? static_cast<double>(scale[j]) : 1;
      const double norm =
          std::sqrt(dot(atoms.row(j), atoms.row(j), dims)) + static_cast<double>(moved_rows[j]);
      exact[i * features + j] = (positive ? v : std::fabs(v)) * w;
      off[i * features + j] = w * ((1 + 0x1p-20) * (static_cast<double>(moved_rows[j]) * norms[i] +
                                                    norm * moved[i] + gamma * norm * norms[i])) +
                              1e-37;
    }
  std::vector<float> floors(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<double> sorted(exact.begin() + static_cast<std::ptrdiff_t>(i * features),
                               exact.begin() + static_cast<std::ptrdiff_t>((i + 1) * features));
    std::sort(sorted.rbegin(), sorted.rend());
    floors[i] = static_cast<float>(std::max(0.0, sorted[(i * 13) % std::min<std::size_t>(features, 300)]));
  }
  const UnsuperposeCudaSelect select{precision, positive, floors.data(), weighted ? scale.data() : nullptr};
  const auto check = [&](bool top, unsigned capacity, const Found& found) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<char> listed(features, 0);
      double last = INFINITY;
      for (unsigned e = 0; e < found.counts[i]; ++e, ++at) {
        const UnsuperposeCudaEntry& entry = found.entries[at];
        EXPECT(entry.index < features && !listed[entry.index]);
        if (entry.index >= features) return;
        listed[entry.index] = 1;
        const std::size_t place = i * features + entry.index;
        const double w = weighted ? static_cast<double>(scale[entry.index]) : 1;
        const double strength =
            (positive ? static_cast<double>(entry.value) : std::fabs(static_cast<double>(entry.value))) * w;
        EXPECT(std::fabs(strength - exact[place]) <= off[place]);
        EXPECT(strength >= static_cast<double>(floors[i]) * (1 - 1e-6));
        if (top) {
          EXPECT(strength <= last * (1 + 1e-6) + 1e-37);
          last = strength;
        } else if (e > 0) {
          EXPECT(found.entries[at - 1].index < entry.index);
        }
      }
      const bool full = top && found.counts[i] == capacity;
      for (std::size_t j = 0; j < features; ++j) {
        if (listed[j]) continue;
        const double least = exact[i * features + j] - off[i * features + j];
        EXPECT(least <= std::max(static_cast<double>(floors[i]), full ? last : 0) * (1 + 1e-6) + 1e-37);
      }
    }
  };
  Found found;
  found.counts.resize(count);
  require(table.above(scan, &select, found.counts.data(), &error), error);
  const auto fetch = [&] {
    std::size_t total = 0;
    for (const std::uint32_t n : found.counts) total += n;
    found.entries.assign(total + 1, {});
    require(table.entries(scan, found.entries.data(), &error), error);
  };
  fetch();
  check(false, 0, found);
  for (const unsigned capacity : {1u, 40u}) {
    require(table.strongest(scan, &select, capacity, found.counts.data(), &error), error);
    fetch();
    check(true, capacity, found);
    if (capacity == 1) continue;
    const Found before = found;
    require(table.strongest(scan, &select, capacity, found.counts.data(), &error), error);
    fetch();
    EXPECT(before.counts == found.counts);
    for (std::size_t e = 0; e + 1 < found.entries.size(); ++e)
      EXPECT(found.entries[e].index == before.entries[e].index &&
             found.entries[e].value == before.entries[e].value);
  }
  // Without floors the lists are full.
  UnsuperposeCudaSelect any = select;
  any.floors = nullptr;
  require(table.strongest(scan, &any, 5, found.counts.data(), &error), error);
  for (const std::uint32_t n : found.counts) EXPECT(n == std::min<std::size_t>(5, features));
  table.close(scan);
  table.release(rows);
}

}  // namespace

int main(int argc, char**) {
  const bool large = argc > 1;  // on a GPU
  unsigned seed = 1;
  for (const int precision : {0, 1})
    for (const bool positive : {false, true})
      for (const bool weighted : {false, true}) {
        test(5, 3, 7, precision, positive, weighted, ++seed);
        // Every two of the three choices meet, as in all eight. Of 300 rows so many pass that lists overflow, and wgmma's queues; of 2,100 a
        // sample is taken.
        const bool chosen = ((precision + (positive ? 1 : 0) + (weighted ? 1 : 0)) & 1) == 0;
        if (chosen || large) test(130, 300, 65, precision, positive, weighted, ++seed);
        if (!chosen || large) test(37, 2100, 130, precision, positive, weighted, ++seed);
        if (large) {
          test(300, 5000, 1024, precision, positive, weighted, ++seed);
          test(257, 9000, 515, precision, positive, weighted, ++seed);
        }
      }
  return ended();
}
