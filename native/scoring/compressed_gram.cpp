#include "compressed_gram.hpp"

#include <algorithm>

#include "../core/cancellation.hpp"
#include "bound.hpp"

namespace unsuperpose {

namespace {
/// Rows computed before they are compressed: enough for the product to be bound by arithmetic.
constexpr std::size_t kRowsAtOnce = 384;
/// Memory taken at a time: in large pages, which random rows are found in without delay.
constexpr std::size_t kSlab = std::size_t{4} << 20;
/// Rough rows are made of atoms rounded to this, where they are off by less than this share of their norms: about as much as the bytes.
constexpr product::Precision kRounded = product::Precision::int16;
constexpr double kLittle = 0x1.0p-10;
}  // namespace

CompressedGram::CompressedGram(ConstMatrix32 atoms, const scoring::Rows& rows,
                               const std::vector<double>& norms)
    : atoms_(atoms),
      packed_(rows),
      norms_(norms),
      most_(*std::max_element(norms.begin(), norms.end())),
      stride_(stride(atoms.rows)),
      rows_(atoms.rows),
      made_(atoms.rows),
      missed_(atoms.rows) {}

unsigned CompressedGram::missed(std::size_t i) const {
  const std::uint8_t before = missed_[i].load(std::memory_order_relaxed);
  if (before == 255) return before;
  missed_[i].store(static_cast<std::uint8_t>(before + 1), std::memory_order_relaxed);
  return before + 1u;
}

double CompressedGram::missed() const {
  std::size_t total = 0;
  for (const std::atomic<std::uint8_t>& one : missed_) total += one.load(std::memory_order_relaxed);
  return static_cast<double>(total) / static_cast<double>(missed_.size());
}

bool CompressedGram::make(std::span<const std::uint32_t> rows, std::size_t budget, const Execution& execution,
                          Making making) const {
  const std::size_t features = atoms_.rows;
  std::vector<std::uint32_t> wanted;
  AlignedBuffer<float> block;
  product::RoundedRows rounded;
  double moved = 0;  // of the atoms that rows are made with
  bool rounds = making == Making::rough && product::rounded_kernels(kRounded, atoms_.cols);
  for (std::size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    if (execution.cancelled()) return false;
    // A call that waits for another one waits for these rows, not for the whole matrix.
    const auto lock = cancellation::lock(mutex_);
    wanted.clear();
    for (std::size_t k = first; k < std::min(rows.size(), first + kRowsAtOnce); ++k)
      if (!has(rows[k]) && bytes() + (wanted.size() + 1) * row_bytes() <= budget) wanted.push_back(rows[k]);
    if (wanted.empty()) continue;
    block.reserve(wanted.size() * stride_);
    product::LeftRows these(atoms_, wanted.data(), wanted.size());
    if (rounds) {
      rounded.assign(these, kRounded, active_isa(), execution);
      if (execution.cancelled()) return false;
      for (std::size_t r = 0; r < wanted.size(); ++r)
        rounds = rounds && rounded.error(r) <= kLittle * rounded.norm(r);
    }
    if (rounds) {
      const std::vector<float>& errors = packed_.packed(kRounded).errors();
      moved = static_cast<double>(*std::max_element(errors.begin(), errors.end()));
      rounds = moved <= kLittle * most_;
    }
    if (rounds) these.rounded = &rounded;
    const product::Precision precision = rounds ? kRounded : product::Precision::float32;
    const product::PackedRows& packed = packed_.packed(precision);
    product::store(these, packed, {block.data(), wanted.size(), features, stride_}, execution);
    if (execution.cancelled()) return false;
    // After the rows that are made: those of a call that was cancelled are written over.
    const std::size_t rows_a_slab = std::clamp<std::size_t>(kSlab / stride_, 1, features);
    std::vector<std::int8_t*> places(wanted.size());
    for (std::size_t r = 0; r < wanted.size(); ++r) {
      const std::size_t place = count_.load(std::memory_order_relaxed) + r;
      if (place / rows_a_slab == slabs_.size()) slabs_.emplace_back(rows_a_slab * stride_);
      places[r] = slabs_[place / rows_a_slab].data() + place % rows_a_slab * stride_;
    }
    execution.for_each(wanted.size(), [&](std::size_t r) {
      const std::size_t i = wanted[r];
      float* row = block.data() + r * stride_;
      row[i] = 0;
      std::fill(row + features, row + stride_, 0.0f);
      const compressed_rows::Compression made = compressed_rows::table().compress(row, stride_, places[r]);
      const double rounding =
          rounds ? scoring::strength_error(precision, atoms_.cols, {rounded.norm(r), rounded.error(r)},
                                           {most_, moved}, 1)
                 : scoring::float32_error(atoms_.cols, norms_[i], most_);
      rows_[i] = {made.scale, made.error + rounding, made.largest + rounding};
    });
    if (execution.cancelled()) return false;
    for (std::size_t r = 0; r < wanted.size(); ++r)
      made_[wanted[r]].store(places[r], std::memory_order_release);
    count_.fetch_add(wanted.size(), std::memory_order_relaxed);
  }
  return !execution.cancelled();
}

}  // namespace unsuperpose
