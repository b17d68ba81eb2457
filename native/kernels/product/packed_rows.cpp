#include <bit>
#include <cmath>
#include <new>

#include "kernels.hpp"

namespace unsuperpose::product {

PackedRows::PackedRows(ConstMatrix32 rows, Isa isa, Precision precision)
    : rows_(rows.rows),
      dims_(rows.cols),
      panel_(kernels(isa)->panel),
      words_(dims_),
      isa_(isa),
      precision_(precision) {
  const RoundedKernels* rounded = rounded_kernels(precision, dims_, isa);
  if (rounded) words_ = (dims_ + rounded->word_dims - 1) / rounded->word_dims;
  const std::size_t panels = (rows_ + panel_ - 1) / panel_;
  if (words_ != 0 && panels > static_cast<std::size_t>(-1) / sizeof(float) / panel_ / words_)
    throw std::bad_alloc();
  // Zeros past the last row: in the last panel, whatever the format.
  data_ = AlignedBuffer<std::uint32_t>(panels * panel_ * words_);
  if (rounded) {
    scales_ = AlignedBuffer<float>::zeros(panels * panel_);
    errors_.resize(rows_);
  }
  AlignedBuffer<std::uint32_t> row(words_);
  const int most = levels(precision, dims_);
  constexpr std::uint32_t kSignBits = 0x80808080;  // of four bytes: q + 128
  for (std::size_t j = 0; j < panels * panel_; ++j) {
    if (j >= rows_) {
      for (std::size_t w = 0; w < words_; ++w) row[w] = 0;
    } else if (rounded) {
      Rounding rounding;
      rounded->round(rows.row(j), dims_, most, row.data(), &rounding);
      if (rounded->offset)
        for (std::size_t w = 0; w < words_; ++w) row[w] ^= kSignBits;
      scales_[j] = rounding.scale;
      errors_[j] = std::nextafter(static_cast<float>(rounding.error), std::numeric_limits<float>::infinity());
    } else {
      for (std::size_t d = 0; d < dims_; ++d) row[d] = std::bit_cast<std::uint32_t>(rows.row(j)[d]);
    }
    std::uint32_t* to = data_.data() + j / panel_ * panel_ * words_ + j % panel_;
    for (std::size_t w = 0; w < words_; ++w) to[w * panel_] = row[w];
  }
}

double score_error(Precision precision, std::size_t dims, double left_norm, double left_error, double norm,
                   double error) {
  const double moved = precision == Precision::float32 ? 0 : error * left_norm + norm * left_error;
  const double underflow = precision == Precision::float32 ? 0x1.0p-149 : kRoundedUnderflow;
  return moved + rounded_error(precision, dims) * left_norm * (norm + error) +
         static_cast<double>(dims) * underflow;
}

}  // namespace unsuperpose::product
