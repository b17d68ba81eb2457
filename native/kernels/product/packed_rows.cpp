#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>
#include <utility>

#include "../../core/cancellation.hpp"
#include "kernels.hpp"

namespace unsuperpose::product {

PackedRows::PackedRows(ConstMatrix32 rows, Isa isa, Precision precision)
    : dims_(rows.cols), panel_(kernels(isa)->panel), words_(dims_), isa_(isa), precision_(precision) {
  if (const RoundedKernels* rounded = rounded_kernels(precision, dims_, isa))
    words_ = (dims_ + rounded->word_dims - 1) / rounded->word_dims;
  resize(rows.rows);
  AlignedBuffer<std::uint32_t> scratch(words_);
  cancellation::Points<16> points;  // of some microseconds
  for (std::size_t j = 0; j < rows_; ++j) {
    points.pass();
    pack(j, rows.row(j), scratch.data());
  }
}

void PackedRows::resize(std::size_t rows) {
  const std::size_t before = padded(rows_), after = padded(rows);
  if (words_ != 0 && after > static_cast<std::size_t>(-1) / sizeof(float) / words_)
    throw OutOfMemory(bytes_of(bytes_of(after, words_), sizeof(float)));
  const bool rounded = precision_ != Precision::float32;
  if (after * words_ > data_.size()) {
    // Room for half as many again, so that rows that come one at a time are not copied each time.
    const std::size_t room = rows_ == 0 ? after : std::max(after, padded(before + before / 2));
    AlignedBuffer<std::uint32_t> data(room * words_);
    if (before > 0) std::memcpy(data.data(), data_.data(), before * words_ * sizeof(std::uint32_t));
    data_ = std::move(data);
    if (rounded) {
      AlignedBuffer<float> scales(room);
      if (before > 0) std::memcpy(scales.data(), scales_.data(), before * sizeof(float));
      scales_ = std::move(scales);
    }
  }
  rows_ = rows;
  // Zeros past the last row: in the last panel, whatever the format.
  for (std::size_t j = rows; j < after; ++j) clear(j);
  if (rounded) errors_.resize(rows);
}

void PackedRows::set_row(std::size_t j, const float* row) {
  if (precision_ == Precision::float32) return pack(j, row, nullptr);
  AlignedBuffer<std::uint32_t> scratch(words_);
  pack(j, row, scratch.data());
}

void PackedRows::set_entry(std::size_t d, const float* values) {
  for (std::size_t j = 0; j < rows_; j += panel_)
    std::memcpy(data_.data() + j * words_ + d * panel_, values + j,
                std::min(panel_, rows_ - j) * sizeof(float));
}

void PackedRows::pack(std::size_t j, const float* row, std::uint32_t* scratch) {
  std::uint32_t* to = place(j);
  const RoundedKernels* rounded = rounded_kernels(precision_, dims_, isa_);
  if (!rounded) {
    for (std::size_t d = 0; d < dims_; ++d) to[d * panel_] = std::bit_cast<std::uint32_t>(row[d]);
    return;
  }
  constexpr std::uint32_t kSignBits = 0x80808080;  // of four bytes: q + 128
  Rounding rounding;
  rounded->round(row, dims_, levels(precision_, dims_), scratch, &rounding);
  const std::uint32_t flip = rounded->offset ? kSignBits : 0;
  for (std::size_t w = 0; w < words_; ++w) to[w * panel_] = scratch[w] ^ flip;
  scales_[j] = rounding.scale;
  errors_[j] = std::nextafter(static_cast<float>(rounding.error), std::numeric_limits<float>::infinity());
}

void PackedRows::clear(std::size_t j) {
  std::uint32_t* to = place(j);
  for (std::size_t w = 0; w < words_; ++w) to[w * panel_] = 0;
  if (precision_ != Precision::float32) scales_[j] = 0;
}

double score_error(Precision precision, std::size_t dims, double left_norm, double left_error, double norm,
                   double error) {
  const double moved = precision == Precision::float32 ? 0 : error * left_norm + norm * left_error;
  const double underflow = precision == Precision::float32 ? 0x1.0p-149 : kRoundedUnderflow;
  return moved + rounded_error(precision, dims) * left_norm * (norm + error) +
         static_cast<double>(dims) * underflow;
}

}  // namespace unsuperpose::product
