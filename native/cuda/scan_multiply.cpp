// Products in float64 of pairs of a scan's vectors and its rows (multiply.cu has the kernel).
#include <vector>

#include "scan.hpp"

namespace unsuperpose::cuda {

namespace {

/// Pairs that are multiplied together.
constexpr std::size_t kPairs = std::size_t{1} << 22;

}  // namespace

void Scan::multiply_some(const UnsuperposeCudaPairs& pairs, std::size_t first, std::size_t end, double* out) {
  const std::size_t count = end - first, from = pairs.begin[first], entries = pairs.begin[end] - from;
  std::vector<std::uint32_t> begin(count + 1);
  for (std::size_t i = 0; i <= count; ++i)
    begin[i] = static_cast<std::uint32_t>(pairs.begin[first + i] - from);
  lists_of_.reserve(count);
  begin_.reserve(count + 1);
  indices_.reserve(entries);
  products_.reserve(entries);
  stream_.to_device(lists_of_.data(), pairs.which + first, count);
  stream_.to_device(begin_.data(), begin.data(), count + 1);
  stream_.to_device(indices_.data(), pairs.indices + from, entries);
  Products products;
  products.rows = rows_.data();
  products.vectors = source_;
  products.pick = source_pick_;
  products.which = lists_of_.data();
  products.begin = begin_.data();
  products.indices = indices_.data();
  products.dims = static_cast<unsigned>(pairs.dims);
  products.stride = static_cast<unsigned>(rows_.dims());
  products.chains = pairs.chains;
  products.out = products_.data();
  multiply_pairs(products, static_cast<unsigned>(count), stream_.get());
  stream_.to_host(out + from, products_.data(), entries);
  stream_.wait();
}

void Scan::multiply(const UnsuperposeCudaPairs& pairs, double* out) {
  const OnDevice here(rows_.device().index);
  std::size_t together = kPairs;
  for (std::size_t first = 0, end; first < pairs.count; first = end) {
    end = first + 1;
    while (end < pairs.count && pairs.begin[end + 1] - pairs.begin[first] <= together) ++end;
    if (pairs.begin[end] == pairs.begin[first]) continue;
    try {
      multiply_some(pairs, first, end, out);
    } catch (const Failure& failure) {
      if (failure.code != UNSUPERPOSE_CUDA_MEMORY) throw;
      stream_.wait();
      const std::size_t asked = pairs.begin[end] - pairs.begin[first];
      // Lists have been copied out.
      const bool freed = lists_.size() + sorted_.size() > 0;
      lists_.free();
      sorted_.free();
      if (!rows_.free_workspaces() && !freed) {
        if (end == first + 1) throw;
        indices_.free();
        products_.free();
        together = asked / 2;
      }
      end = first;
    }
  }
}

}  // namespace unsuperpose::cuda
