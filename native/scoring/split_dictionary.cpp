// Dictionaries of float64 atoms, each entry in two float32 parts.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "dictionary.hpp"

namespace unsuperpose {

namespace {

/// Atoms a block of the loop.
constexpr std::size_t kBlock = 16;
/// Two roundings to float32 leave half of that.
constexpr double kHeld = 0x1.0p-47;

/// To unit norm; a zero atom stays zero.
void normalise(std::vector<double>& atom) {
  double largest = 0, sum = 0;
  for (const double v : atom) largest = std::max(largest, std::fabs(v));
  if (!(largest > 0)) return;
  for (double& v : atom) {
    v /= largest;
    sum += v * v;
  }
  const double norm = std::sqrt(sum);
  for (double& v : atom) v /= norm;
}

}  // namespace

Status Dictionary::make(std::size_t features, std::size_t dims,
                        const std::function<void(std::size_t, double*)>& read, bool normalize,
                        const Execution& execution, std::shared_ptr<const Dictionary>& out) {
  AlignedBuffer<float> high(features * dims), low(features * dims);
  std::vector<double> hidden(features);
  std::vector<std::uint8_t> lost(features, 0);
  execution.for_items(
      features, kBlock, [&] { return std::vector<double>(dims); },
      [&](std::size_t j, std::vector<double>& atom) {
        read(j, atom.data());
        if (normalize) normalise(atom);
        double sum = 0, most_lost = 0, largest = 0;
        for (std::size_t k = 0; k < dims; ++k) {
          const float rounded = static_cast<float>(atom[k]);
          const double left = std::isfinite(rounded) ? atom[k] - static_cast<double>(rounded) : 0;
          high[j * dims + k] = rounded;
          low[j * dims + k] = static_cast<float>(left);
          sum += left * left;
          largest = std::max(largest, std::fabs(atom[k]));
          most_lost = std::max(most_lost, std::fabs(left - static_cast<double>(low[j * dims + k])));
        }
        lost[j] = most_lost > kHeld * largest ? 1 : 0;
        hidden[j] = std::sqrt(sum);
      });
  if (execution.cancelled()) return Status::cancelled();
  const ConstMatrix32 atoms{high.data(), features, dims};
  if (Status status = make(atoms, false, out); !status.ok()) return status;
  const auto made = std::const_pointer_cast<Dictionary>(out);  // nobody else has it yet
  made->holds_float64_ = std::count(lost.begin(), lost.end(), 1) == 0;
  const double most = *std::max_element(hidden.begin(), hidden.end());
  if (most == 0) return {};
  made->low_ = AlignedBuffer<float>::zeros(features * made->stride_);
  for (std::size_t j = 0; j < features; ++j)
    std::copy_n(low.data() + j * dims, dims, made->low_.data() + j * made->stride_);
  made->hidden_ = most * (1 + 0x1.0p-20);
  return {};
}

void Dictionary::read(std::size_t j, double* out) const {
  const float* high = atom(j);
  for (std::size_t k = 0; k < dims_; ++k) out[k] = static_cast<double>(high[k]);
  if (!split()) return;
  const float* left = low(j);
  for (std::size_t k = 0; k < dims_; ++k) out[k] += static_cast<double>(left[k]);
}

}  // namespace unsuperpose
