// What the programs that time kernels share: the module's table, data to time with, and what is said of a list of seconds.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../native/cuda/device.hpp"

extern "C" const UnsuperposeCuda* unsuperpose_cuda_table();

namespace {

using namespace unsuperpose::cuda;

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
  bool uneven = false;  // weights of the mixture: normal, many of them weak, in place of uniform on [½, 3/2]
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
      const float weight =
          problem.uneven ? draws.normal() : static_cast<float>((0.5 + draws.uniform()) * sign);
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

}  // namespace
