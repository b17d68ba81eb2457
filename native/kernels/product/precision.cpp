#include "precision.hpp"

#include <algorithm>
#include <cmath>

#include "product.hpp"

namespace unsuperpose::product {

const RoundedKernels* avx2_int16_kernels();
const RoundedKernels* avx512_int16_kernels();
const RoundedKernels* avx512_int8_kernels();
const RoundedKernels* avx512_bf16_kernels();
const RoundedKernels* neon_int8_kernels();
const RoundedKernels* neon_bf16_kernels();

namespace {

constexpr double kLargestSum = 2147483647.0;
constexpr int kInt8Levels = 127, kInt16Levels = 32767;
/// Below this int16 would be no better than int8.
constexpr int kFewestInt16Levels = 256;
/// Rows are rounded together by blocks.
constexpr std::size_t kBlock = 16;

bool capable(const char* name) {
  const std::vector<std::string> all = capabilities();
  return std::find(all.begin(), all.end(), name) != all.end();
}

}  // namespace

const char* precision_name(Precision precision) {
  switch (precision) {
    case Precision::float32: return "float32";
    case Precision::bfloat16: return "bfloat16";
    case Precision::int16: return "int16";
    case Precision::int8: return "int8";
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
  static const bool vnni = capable("avx512_vnni"), bf16 = capable("avx512_bf16"),
                    dotprod = capable("dotprod"), neon_bf16 = capable("bf16");
  switch (precision) {
    case Precision::float32: return nullptr;
    case Precision::bfloat16:
      if (isa == Isa::neon) return neon_bf16 ? neon_bf16_kernels() : nullptr;
      return isa == Isa::avx512 && bf16 ? avx512_bf16_kernels() : nullptr;
    case Precision::int16:
      if (levels(precision, dims) < kFewestInt16Levels) return nullptr;
      return isa == Isa::avx512 ? avx512_int16_kernels() : isa == Isa::avx2 ? avx2_int16_kernels() : nullptr;
    case Precision::int8:
      if (static_cast<double>(dims) * kInt8Levels * kInt8Levels > kLargestSum) return nullptr;
      if (isa == Isa::neon) return dotprod ? neon_int8_kernels() : nullptr;
      return isa == Isa::avx512 && vnni ? avx512_int8_kernels() : nullptr;
  }
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
  words_ = (dims + kernels.word_dims - 1) / kernels.word_dims;
  data_.reserve(rows.count * words_);
  scales_.resize(rows.count);
  starts_.resize(rows.count);
  norms_.resize(rows.count);
  errors_.resize(rows.count);
  const int most = levels(precision, dims);
  execution.for_each((rows.count + kBlock - 1) / kBlock, [&](std::size_t block) {
    for (std::size_t i = block * kBlock; i < std::min(rows.count, (block + 1) * kBlock); ++i) {
      Rounding rounding;
      kernels.round(rows.row(i), dims, most, data_.data() + i * words_, &rounding);
      constexpr std::int32_t kOffset = 128;
      scales_[i] = rounding.scale;
      starts_[i] = kernels.offset ? -kOffset * rounding.sum : 0;
      norms_[i] = rounding.norm;
      errors_[i] = rounding.error;
    }
  });
}

}  // namespace unsuperpose::product
