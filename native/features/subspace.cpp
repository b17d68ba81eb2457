#include "subspace.hpp"

#include <cmath>
#include <numeric>

#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {

/// Larger spans would take Gram matrices of more than 32 MB.
constexpr std::size_t kMostRows = 2048;

/// Scales a row to entries of about 1, unless that would round one of them. The span does not change.
void scale(const float* from, std::size_t dims, float* to) {
  int exponent = 0;
  std::frexp(reduce::table().max_absolute(from, dims), &exponent);
  bool exact = true;
  for (std::size_t k = 0; k < dims; ++k) {
    to[k] = std::ldexp(from[k], -exponent);
    exact = exact && std::ldexp(to[k], exponent) == from[k];
  }
  if (!exact) std::copy(from, from + dims, to);
}

}  // namespace

Status Subspace::make(ConstMatrix32 rows, std::unique_ptr<Subspace>& out) {
  const auto refuse = [&](const std::string& why) {
    return Status::fail(Code::option, "the rows of subspace must be independent" + why);
  };
  if (rows.rows > rows.cols)
    return refuse(": " + std::to_string(rows.rows) + " rows of " + std::to_string(rows.cols) +
                  " dims are not");
  if (rows.rows > kMostRows)
    return Status::fail(Code::option, "subspace must have at most " + std::to_string(kMostRows) +
                                          " rows, got " + std::to_string(rows.rows));
  auto made = std::make_unique<Subspace>();
  AlignedBuffer<float> scaled(rows.rows * rows.cols);
  for (std::size_t i = 0; i < rows.rows; ++i) scale(rows.row(i), rows.cols, scaled.data() + i * rows.cols);
  const Status status = Dictionary::make({scaled.data(), rows.rows, rows.cols}, false, made->rows_);
  if (!status.ok()) return status;
  std::vector<std::uint32_t> all(rows.rows);
  std::iota(all.begin(), all.end(), 0u);
  made->gram_ = std::make_unique<SupportGram>(*made->rows_, all, 0.0);
  if (!(made->smallest_eigenvalue() > 0)) return refuse(", by more than rounding");
  out = std::move(made);
  return {};
}

}  // namespace unsuperpose
