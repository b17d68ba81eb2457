// Views: non-owning, row-major windows on somebody else's memory. Rows are samples or features,
// columns are activation dimensions, `stride` is the distance between rows in elements (≥ cols).
#pragma once
#include <cstddef>
#include <type_traits>

namespace unsuperpose {

template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  MatrixView() = default;
  MatrixView(T* data_, std::size_t rows_, std::size_t cols_)
      : data(data_), rows(rows_), cols(cols_), stride(cols_) {}
  MatrixView(T* data_, std::size_t rows_, std::size_t cols_, std::size_t stride_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {}
  /// A mutable view is also a constant one.
  template <class U>
    requires(std::is_same_v<const U, T>)
  MatrixView(const MatrixView<U>& other)
      : data(other.data), rows(other.rows), cols(other.cols), stride(other.stride) {}

  T* row(std::size_t i) const { return data + i * stride; }
  MatrixView slice(std::size_t first, std::size_t count) const { return {row(first), count, cols, stride}; }
};

using Matrix32 = MatrixView<float>;
using ConstMatrix32 = MatrixView<const float>;

}  // namespace unsuperpose
