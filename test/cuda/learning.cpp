// What dictionary learning does on a device, against float64: the statistics of codes, within the error of their sums; block-coordinate descent, each
// atom within what float32 can have done to it and to those before it; the same bits every time. Runs on the emulation, and on a GPU (npm run
// gpu-check).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "table.hpp"

namespace {

constexpr double kUnit = 0x1p-24;

struct Sizes {
  std::size_t samples, features, dims, active;
  float size = 1;  // of the samples and codes
};

/// Codes by sample and by feature, as the table takes them.
struct Codes {
  std::vector<std::uint32_t> begin{0}, indices, owners, touched, first{0}, users;
  std::vector<float> values;
};

/// Feature 0 in every other sample, so that it has many users; the last one in none; sample 1 has no code.
Codes draw(const Sizes& sizes, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Codes made;
  std::vector<std::vector<std::uint32_t>> by(sizes.features);
  for (std::size_t i = 0; i < sizes.samples; ++i) {
    std::vector<std::uint32_t> set;
    if (i % 2 == 0) set.push_back(0);
    for (std::size_t a = 0; a < sizes.active && sizes.features > 2; ++a)
      set.push_back(static_cast<std::uint32_t>(random() % (sizes.features - 1)));
    if (i == 1) set.clear();
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    for (const std::uint32_t j : set) {
      by[j].push_back(static_cast<std::uint32_t>(made.indices.size()));
      made.indices.push_back(j);
      made.owners.push_back(static_cast<std::uint32_t>(i));
      made.values.push_back(sizes.size * normal(random));
    }
    made.begin.push_back(static_cast<std::uint32_t>(made.indices.size()));
  }
  for (std::uint32_t j = 0; j < sizes.features; ++j) {
    if (by[j].empty()) continue;
    made.touched.push_back(j);
    made.users.insert(made.users.end(), by[j].begin(), by[j].end());
    made.first.push_back(static_cast<std::uint32_t>(made.users.size()));
  }
  return made;
}

/// A and B, and of each entry the sizes that were added up.
struct Sums {
  std::vector<double> a, b, a_size, b_size;
  explicit Sums(const Sizes& s)
      : a(s.features * s.features), b(s.features * s.dims), a_size(a.size()), b_size(b.size()) {}
};

struct Learning {
  UnsuperposeCudaLearning* handle = nullptr;
  const Sizes& sizes;
  explicit Learning(const Sizes& sizes_) : sizes(sizes_) {
    UnsuperposeCudaError error;
    require(table.open_learning(0, sizes.features, sizes.dims, &handle, &error), error);
  }
  ~Learning() { table.close_learning(handle); }
  Learning(const Learning&) = delete;
  Learning& operator=(const Learning&) = delete;

  void get(std::vector<float>& a, std::vector<float>& b) const {
    a.assign(sizes.features * (sizes.features + 3), -1);
    b.assign(sizes.features * (sizes.dims + 1), -1);
    UnsuperposeCudaError error;
    require(table.get_learning(handle, a.data(), sizes.features + 3, b.data(), sizes.dims + 1, &error),
            error);
  }
};

void check_sums(const Learning& learning, const Sums& sums, double terms) {
  const auto& [n, features, dims, active, size] = learning.sizes;
  std::vector<float> a, b;
  learning.get(a, b);
  for (std::size_t j = 0; j < features; ++j) {
    for (std::size_t k = 0; k < features; ++k)
      EXPECT(std::fabs(static_cast<double>(a[j * (features + 3) + k]) - sums.a[j * features + k]) <=
             (terms + 4) * kUnit * sums.a_size[j * features + k]);
    EXPECT(a[j * (features + 3) + features] == -1);  // beyond the row
    for (std::size_t k = 0; k < dims; ++k)
      EXPECT(std::fabs(static_cast<double>(b[j * (dims + 1) + k]) - sums.b[j * dims + k]) <=
             (terms + 4) * kUnit * sums.b_size[j * dims + k]);
  }
}

/// The update in float64 from float32 statistics; bounds[j]: how far float32 can be from it.
void descend(const std::vector<float>& a, const std::vector<float>& b, const Sizes& sizes,
             const std::vector<std::uint32_t>& due, std::vector<double>& atoms, std::vector<double>& bounds) {
  const std::size_t features = sizes.features, dims = sizes.dims;
  const auto norm = [&](const double* v) {
    double squared = 0;
    for (std::size_t k = 0; k < dims; ++k) squared += v[k] * v[k];
    return std::sqrt(squared);
  };
  for (const std::uint32_t j : due) {
    const float* row = a.data() + j * (features + 3);
    const double own = static_cast<double>(row[j]);
    std::vector<double> u(dims);
    double sizes_of = 0, carried = 0, squared = 0;
    for (std::size_t k = 0; k < dims; ++k) {
      const double sum = static_cast<double>(b[j * (dims + 1) + k]);
      squared += sum * sum;
      u[k] = sum + own * atoms[j * dims + k];
    }
    sizes_of = std::sqrt(squared);
    for (std::size_t m = 0; m < features; ++m) {
      const double code = static_cast<double>(row[m]);
      if (code == 0) continue;
      for (std::size_t k = 0; k < dims; ++k) u[k] -= code * atoms[m * dims + k];
      sizes_of += 2 * std::fabs(code) * norm(atoms.data() + m * dims);
      if (m != j) carried += std::fabs(code) * bounds[m];
    }
    const double length = norm(u.data());
    if (!(own > 0) || length == 0) continue;
    const double scale = 1 / std::max(own, length);
    bounds[j] = 2 * scale * (static_cast<double>(features + 64) * kUnit * sizes_of + carried) + 4 * kUnit;
    for (std::size_t k = 0; k < dims; ++k) atoms[j * dims + k] = u[k] * scale;
  }
}

void test(const Sizes& sizes, unsigned seed) {
  const auto& [n, features, dims, active, size] = sizes;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Sums sums(sizes);
  Learning learning(sizes), again(sizes);
  UnsuperposeCudaError error;
  const auto weigh = [&](double factor) {
    for (std::vector<double>* all : {&sums.a, &sums.b, &sums.a_size, &sums.b_size})
      for (double& v : *all) v *= factor;
    require(table.scale_learning(learning.handle, factor, &error), error);
    require(table.scale_learning(again.handle, factor, &error), error);
  };
  check_sums(learning, sums, 0);  // zero at first
  double terms = 0;
  for (const float weight : {1.0f, 1.75f}) {
    std::vector<float> samples(n * dims);
    for (float& v : samples) v = size * normal(random);
    const Codes codes = draw(sizes, random);
    UnsuperposeCudaLesson lesson{};
    lesson.samples = {samples.data(), dims, n, dims, nullptr};
    lesson.begin = codes.begin.data();
    lesson.indices = codes.indices.data();
    lesson.values = codes.values.data();
    lesson.owners = codes.owners.data();
    lesson.touched_count = static_cast<std::uint32_t>(codes.touched.size());
    lesson.touched = codes.touched.data();
    lesson.first = codes.first.data();
    lesson.users = codes.users.data();
    lesson.weight = weight;
    require(table.teach(learning.handle, &lesson, &error), error);
    require(table.teach(again.handle, &lesson, &error), error);
    terms += static_cast<double>(n);
    for (std::size_t e = 0; e < codes.indices.size(); ++e) {
      const std::size_t j = codes.indices[e], i = codes.owners[e];
      const double factor = static_cast<double>(weight) * static_cast<double>(codes.values[e]);
      for (std::size_t o = codes.begin[i]; o < codes.begin[i + 1]; ++o) {
        const double term = factor * static_cast<double>(codes.values[o]);
        sums.a[j * features + codes.indices[o]] += term;
        sums.a_size[j * features + codes.indices[o]] += std::fabs(term);
      }
      for (std::size_t k = 0; k < dims; ++k) {
        const double term = factor * static_cast<double>(samples[i * dims + k]);
        sums.b[j * dims + k] += term;
        sums.b_size[j * dims + k] += std::fabs(term);
      }
    }
    check_sums(learning, sums, terms);
    weigh(0x1p-6);
    check_sums(learning, sums, terms);
    weigh(0.7);
    check_sums(learning, sums, terms + 2);
  }
  std::vector<float> a, b, other_a, other_b;
  learning.get(a, b);
  again.get(other_a, other_b);
  EXPECT(a == other_a && b == other_b);

  // From the host and back, to the bit.
  require(table.scale_learning(again.handle, 0, &error), error);
  again.get(other_a, other_b);
  EXPECT(std::all_of(other_b.begin(), other_b.end(), [](float v) { return v == 0 || v == -1; }));
  require(table.put_learning(again.handle, a.data(), features + 3, b.data(), dims + 1, &error), error);
  again.get(other_a, other_b);
  EXPECT(a == other_a && b == other_b);

  // Atoms: two of them equal, one zero.
  std::vector<float> data(features * dims);
  for (std::size_t j = 0; j < features; ++j) {
    double squared = 0;
    for (std::size_t k = 0; k < dims; ++k) {
      data[j * dims + k] = normal(random);
      squared += static_cast<double>(data[j * dims + k]) * static_cast<double>(data[j * dims + k]);
    }
    for (std::size_t k = 0; k < dims; ++k) data[j * dims + k] /= static_cast<float>(std::sqrt(squared));
    if (j == 5) std::copy_n(data.data(), dims, data.data() + j * dims);
    if (j == 7) std::fill_n(data.data() + j * dims, dims, 0.0f);
  }
  std::vector<std::vector<std::uint32_t>> turns{{}, {static_cast<std::uint32_t>(features - 1)}, {}, {}};
  for (std::uint32_t j = 0; j < features; j += 3) turns[2].push_back(j);
  for (std::uint32_t j = 0; j < features; ++j)
    turns[3].push_back(static_cast<std::uint32_t>(features) - 1 - j);
  const UnsuperposeCudaMatrix from{data.data(), dims, features, dims, nullptr};
  UnsuperposeCudaRows *rows = nullptr, *others = nullptr;
  require(table.upload(0, &from, &rows, &error), error);
  require(table.upload(0, &from, &others, &error), error);
  std::vector<float> moved(features), expected(features);
  for (const int precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16})
    require(table.moved(rows, precision, moved.data(), &error), error);
  for (const std::vector<std::uint32_t>& due : turns) {
    std::vector<double> reference(data.begin(), data.end()), bounds(features);
    descend(a, b, sizes, due, reference, bounds);
    const std::vector<float> before = data;
    std::vector<float> second = data;
    require(table.improve(learning.handle, rows, due.data(), due.size(), data.data(), dims, nullptr, nullptr,
                          &error),
            error);
    require(table.improve(again.handle, others, due.data(), due.size(), second.data(), dims, nullptr, nullptr,
                          &error),
            error);
    EXPECT(data == second);
    std::vector<std::uint8_t> is_due(features);
    for (const std::uint32_t j : due) is_due[j] = 1;
    for (std::size_t j = 0; j < features; ++j) {
      double squared = 0, off = 0;
      for (std::size_t k = 0; k < dims; ++k) {
        const double v = static_cast<double>(data[j * dims + k]);
        squared += v * v;
        off += (v - reference[j * dims + k]) * (v - reference[j * dims + k]);
        if (!is_due[j]) EXPECT(data[j * dims + k] == before[j * dims + k]);
      }
      EXPECT(std::sqrt(off) <= bounds[j]);
      EXPECT(std::sqrt(squared) <= 1 + 1e-6);
    }
    // The rounded copies follow.
    UnsuperposeCudaRows* anew = nullptr;
    require(table.upload(0, &from, &anew, &error), error);
    for (const int precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16}) {
      require(table.moved(rows, precision, moved.data(), &error), error);
      require(table.moved(anew, precision, expected.data(), &error), error);
      EXPECT(moved == expected);
    }
    table.release(anew);
  }
  // A call that is cancelled says so.
  std::vector<std::uint32_t> all;
  for (int round = 0; round < 12; ++round)
    for (std::uint32_t j = 0; j < features; ++j) all.push_back(j);
  if (all.size() > 300)
    EXPECT(table.improve(
               learning.handle, rows, all.data(), all.size(), data.data(), dims, [](void*) { return 1; },
               nullptr, &error) == UNSUPERPOSE_CUDA_CANCELLED);
  table.release(rows);
  table.release(others);

  // A feature that is forgotten.
  const auto gone = static_cast<std::uint32_t>(features / 2);
  require(table.forget_feature(learning.handle, gone, &error), error);
  learning.get(other_a, other_b);
  for (std::size_t j = 0; j < features; ++j)
    for (std::size_t k = 0; k < features; ++k) {
      const std::size_t at = j * (features + 3) + k;
      EXPECT(other_a[at] == (j == gone || k == gone ? 0 : a[at]));
    }
  for (std::size_t j = 0; j < features; ++j)
    for (std::size_t k = 0; k < dims; ++k)
      EXPECT(other_b[j * (dims + 1) + k] == (j == gone ? 0 : b[j * (dims + 1) + k]));
}

}  // namespace

int main(int argc, char**) {
  test({.samples = 1, .features = 1, .dims = 1, .active = 1}, 1);
  test({.samples = 9, .features = 40, .dims = 24, .active = 4}, 2);
  test({.samples = 40, .features = 130, .dims = 33, .active = 6, .size = 1e-15f}, 3);
  test({.samples = 30, .features = 90, .dims = 129, .active = 5, .size = 1e15f}, 4);
  test({.samples = 60, .features = 530, .dims = 20, .active = 9}, 5);
  if (argc > 1) {  // on a GPU
    test({.samples = 700, .features = 3000, .dims = 512, .active = 20}, 6);
    test({.samples = 500, .features = 1500, .dims = 2304, .active = 20}, 7);
  }
  return ended();
}
