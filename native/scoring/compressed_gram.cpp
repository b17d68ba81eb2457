#include "compressed_gram.hpp"

#include <algorithm>

#include "bound.hpp"

namespace unsuperpose {

namespace {
/// Rows computed before they are compressed: enough for the product to be bound by arithmetic.
constexpr std::size_t kRowsAtOnce = 384;
}  // namespace

bool CompressedGram::make(ConstMatrix32 atoms, const product::PackedRows& packed,
                          const std::vector<double>& norms, const Execution& execution) {
  const std::size_t features = atoms.rows;
  stride_ = stride(features);
  entries_ = AlignedBuffer<std::int8_t>(features * stride_);
  rows_.resize(features);
  const double most = *std::max_element(norms.begin(), norms.end());
  AlignedBuffer<float> block(std::min(kRowsAtOnce, features) * stride_);
  for (std::size_t first = 0; first < features; first += kRowsAtOnce) {
    const std::size_t count = std::min(kRowsAtOnce, features - first);
    product::store(atoms.slice(first, count), packed, {block.data(), count, features, stride_}, execution);
    if (execution.cancelled()) return false;
    execution.for_each(count, [&](std::size_t r) {
      const std::size_t i = first + r;
      float* row = block.data() + r * stride_;
      row[i] = 0;
      std::fill(row + features, row + stride_, 0.0f);
      const compressed_rows::Compression made =
          compressed_rows::table().compress(row, stride_, entries_.data() + i * stride_);
      const double rounding = scoring::float32_error(atoms.cols, norms[i], most);
      rows_[i] = {made.scale, made.error + rounding, made.largest + rounding};
    });
  }
  return !execution.cancelled();
}

}  // namespace unsuperpose
