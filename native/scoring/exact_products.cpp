#include "exact_products.hpp"

#include <algorithm>

#include "../kernels/dots/dots.hpp"

namespace unsuperpose::scoring {

namespace {
/// Rows, and atoms, of one unit of work.
constexpr std::size_t kRowBlock = 16, kAtomBlock = 64;
/// Fewer pairs an atom are not worth sorting: it would come from memory almost as often.
constexpr std::size_t kWorthSorting = 2;

struct Scratch {
  std::vector<const float*> rows;
  std::vector<double> products;
};
}  // namespace

void ExactPairs::clear() {
  rows.clear();
  scan_ = nullptr;
  vectors_.clear();
  starts.assign(1, 0);
  atoms.clear();
}

void ExactPairs::end(const float* row, const Scored* scored) {
  const DeviceScan* scan = scored ? scored->scan : nullptr;
  scan_ = rows.empty() || scan == scan_ ? scan : nullptr;
  vectors_.push_back(scored ? scored->vector : 0);
  rows.push_back(row);
  starts.push_back(atoms.size());
}

void ExactPairs::multiply(const Dictionary& dictionary, std::size_t dims, const Execution& execution) {
  products.resize(atoms.size());
  if (scan_)
    scan_->multiply(vectors_, starts.data(), atoms.data(), dims, products.data());
  else if (atoms.size() < kWorthSorting * dictionary.features() || atoms.size() > 0xffffffff)
    by_row(dictionary, dims, execution);
  else
    by_atom(dictionary, dims, execution);
}

void ExactPairs::by_row(const Dictionary& dictionary, std::size_t dims, const Execution& execution) {
  execution.for_items(
      rows.size(), kRowBlock, [] { return Scratch(); },
      [&](std::size_t i, Scratch& scratch) {
        scratch.rows.clear();
        for (std::size_t e = starts[i]; e < starts[i + 1]; ++e)
          scratch.rows.push_back(dictionary.atom(atoms[e]));
        dots::table().correlate(scratch.rows.data(), scratch.rows.size(), rows[i], dims,
                                products.data() + starts[i]);
      });
}

void ExactPairs::by_atom(const Dictionary& dictionary, std::size_t dims, const Execution& execution) {
  const std::size_t features = dictionary.features();
  first_.assign(features + 1, 0);
  for (const std::uint32_t j : atoms) ++first_[j + 1];
  for (std::size_t j = 0; j < features; ++j) first_[j + 1] += first_[j];
  order_.resize(atoms.size());
  row_of_.resize(atoms.size());
  // Each atom's place runs ahead while its pairs are sorted in, and ends where the next one's began.
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t e = starts[i]; e < starts[i + 1]; ++e) {
      row_of_[e] = static_cast<std::uint32_t>(i);
      order_[first_[atoms[e]]++] = static_cast<std::uint32_t>(e);
    }
  execution.for_items((features + kAtomBlock - 1) / kAtomBlock, 1, [] { return Scratch(); },
                      [&](std::size_t block, Scratch& scratch) {
                        const std::size_t begin = block * kAtomBlock,
                                          last = std::min(features, begin + kAtomBlock);
                        const std::size_t from = begin == 0 ? 0 : first_[begin - 1], end = first_[last - 1];
                        scratch.rows.resize(end - from);
                        scratch.products.resize(end - from);
                        for (std::size_t u = from; u < end; ++u)
                          scratch.rows[u - from] = rows[row_of_[order_[u]]];
                        std::size_t at = 0;
                        for (std::size_t j = begin; j < last; ++j) {
                          const std::size_t next = first_[j] - from;
                          dots::table().correlate(scratch.rows.data() + at, next - at, dictionary.atom(j),
                                                  dims, scratch.products.data() + at);
                          at = next;
                        }
                        for (std::size_t u = from; u < end; ++u)
                          products[order_[u]] = scratch.products[u - from];
                      });
}

}  // namespace unsuperpose::scoring
