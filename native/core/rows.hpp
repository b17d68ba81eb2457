// Rows on their way from a file: which are taken, in what order, and whether they are numbers.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <span>

#include "random.hpp"

namespace unsuperpose::rows {

/// Where the first NaN or ±Infinity stands; the number of values if there is none.
template <class T>
std::size_t first_not_finite(std::span<const T> values) {
  // A block is asked without a branch inside it; only one that holds such a value is searched.
  constexpr std::size_t kBlock = 4096;
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const auto block = values.subspan(begin, std::min(kBlock, values.size() - begin));
    unsigned strange = 0;
    for (const T value : block) strange |= !(std::fabs(value) <= std::numeric_limits<T>::max());
    if (strange == 0) continue;
    for (std::size_t i = 0; i < block.size(); ++i)
      if (!std::isfinite(block[i])) return begin + i;
  }
  return values.size();
}

/// Row i of `to` is row `order[i]` of `from`, which has that row.
template <class T>
void take_rows(const T* from, std::size_t cols, std::span<const std::uint32_t> order, T* to) {
  for (std::size_t i = 0; i < order.size(); ++i)
    std::memcpy(to + i * cols, from + order[i] * cols, cols * sizeof(T));
}

/// Column k of `to` is column `columns[k]` of `from`, which has that column.
template <class T>
void take_columns(const T* from, std::size_t rows, std::size_t cols, std::span<const std::uint32_t> columns,
                  T* to) {
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < columns.size(); ++k) to[i * columns.size() + k] = from[i * cols + columns[k]];
}

/// 0 … count − 1 in random order, one for every seed, epoch and index: each can be made again without those before it.
inline void permutation(std::uint64_t seed, std::uint64_t epoch, std::uint64_t index,
                        std::span<std::uint32_t> out) {
  std::iota(out.begin(), out.end(), 0u);
  const std::uint64_t of_epoch = Random(Random(seed).next() + epoch).next();
  Random(of_epoch + index).shuffle(out.data(), out.size());
}

}  // namespace unsuperpose::rows
