#include "precision.hpp"

#include <algorithm>
#include <cmath>

#include "product.hpp"
#include "rounded.hpp"

namespace unsuperpose::product {

namespace {

constexpr double kLargestSum = 2147483647.0;
constexpr int kInt8Levels = 127, kInt16Levels = 32767;
/// Below this int16 would be no better than int8.
constexpr int kFewestInt16Levels = 256;
/// Rows are rounded together by blocks.
constexpr std::size_t kBlock = 16;

struct Registered {
  Precision precision;
  Isa isa;
  Capability needs;
  const RoundedKernels* kernels;
};
#define UNSUPERPOSE_ROW(name, precision, level, needs) \
  {Precision::precision, Isa::level, Capability::needs, &name::kKernels},
constexpr Registered kRegistered[] = {
    {Precision::float32, Isa::scalar, Capability::none, nullptr},  // nothing is rounded
    UNSUPERPOSE_ROUNDED_KERNELS(UNSUPERPOSE_ROW)};
#undef UNSUPERPOSE_ROW

/// Whether sums of integers fit 32 bits, with levels enough to be worth it.
bool sums_fit(Precision precision, std::size_t dims) {
  if (precision == Precision::int16) return levels(precision, dims) >= kFewestInt16Levels;
  return precision != Precision::int8 || static_cast<double>(dims) * kInt8Levels * kInt8Levels <= kLargestSum;
}

}  // namespace

const char* precision_name(Precision precision) {
  switch (precision) {
#define UNSUPERPOSE_NAME(name) \
  case Precision::name: return #name;
    UNSUPERPOSE_PRECISIONS(UNSUPERPOSE_NAME)
#undef UNSUPERPOSE_NAME
  }
  return "";
}

int levels(Precision precision, std::size_t dims) {
  if (precision == Precision::int8) return kInt8Levels;
  if (precision != Precision::int16) return 0;
  return static_cast<int>(std::min<double>(
      kInt16Levels,
      std::floor(std::sqrt(kLargestSum / static_cast<double>(std::max<std::size_t>(dims, 1))))));
}

const RoundedKernels* rounded_kernels(Precision precision, std::size_t dims, Isa isa) {
  for (const Registered& row : kRegistered)
    if (row.precision == precision && row.isa == isa && has(row.needs) && sums_fit(precision, dims) &&
        (!row.kernels || dims >= row.kernels->fewest_dims))
      return row.kernels && row.kernels->multiply ? row.kernels : nullptr;
  return nullptr;
}

double rounded_error(Precision precision, std::size_t dims) {
  // Integers: one rounding to float32 and two by the scales. bfloat16: two additions for each pair of dims, in whatever
  // order the processor adds them; or half as many that round to odd (neon_bf16.cpp).
  constexpr double kScalings = 0x1.0p-22;
  return precision == Precision::float32    ? error_bound(dims)
         : precision == Precision::bfloat16 ? error_bound(2 * dims)
                                            : kScalings;
}

void RoundedRows::assign(const LeftRows& rows, Precision precision, Isa isa, const Execution& execution) {
  const std::size_t dims = rows.matrix.cols;
  const RoundedKernels& kernels = *rounded_kernels(precision, dims, isa);
  const std::size_t words = (dims + kernels.word_dims - 1) / kernels.word_dims;
  words_ = kernels.left_words(words);
  const auto round = kernels.round_left ? kernels.round_left : kernels.round;
  data_.reserve(rows.count * words_);
  scales_.resize(rows.count);
  starts_.resize(rows.count);
  norms_.resize(rows.count);
  errors_.resize(rows.count);
  const int most = levels(precision, dims);
  execution.for_each((rows.count + kBlock - 1) / kBlock, [&](std::size_t block) {
    for (std::size_t i = block * kBlock; i < std::min(rows.count, (block + 1) * kBlock); ++i) {
      Rounding rounding;
      std::uint32_t* const to = data_.data() + i * words_;
      round(rows.row(i), dims, most, to, &rounding);
      if (kernels.row_multiple > 0) std::fill(to + words, to + words_, 0);
      // Modulo 2^32, as the kernels sum up: the whole fits, this part alone may not.
      constexpr std::uint32_t kOffset = 128;
      scales_[i] = rounding.scale;
      starts_[i] = kernels.offset
                       ? static_cast<std::int32_t>(0 - kOffset * static_cast<std::uint32_t>(rounding.sum))
                       : 0;
      norms_[i] = rounding.norm;
      errors_[i] = rounding.error;
    }
  });
}

}  // namespace unsuperpose::product
