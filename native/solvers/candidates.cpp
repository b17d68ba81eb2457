#include "candidates.hpp"

#include "../core/sums.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

void Candidates::add(const Dictionary& dictionary, const float* x, std::uint32_t atom, double weight) {
  dims_ = dictionary.dims();
  sample_ = x;
  const float* row = dictionary.atom(atom);
  atoms_.push_back(atom);
  rows_.push_back(row);
  weights_.push_back(weight);
  products_.emplace_back();
  if (wide()) {
    std::vector<double>& both = wide_rows_.emplace_back(dims_);
    dictionary.read(atom, both.data());
    targets_.push_back(sums::dot(both.data(), wide_sample(), dims_));
    squares_.push_back(sums::dot(both.data(), both.data(), dims_));
    return;
  }
  targets_.push_back(dots::table().dot(row, x, dims_));
  squares_.push_back(reduce::table().squared_norm(row, dims_));
}

const double* Candidates::products(std::size_t i) {
  std::vector<double>& row = products_[i];
  if (const std::size_t known = row.size(); known < size()) {
    row.resize(size());
    if (wide())
      for (std::size_t j = known; j < size(); ++j) row[j] = sums::dot(wide_row(i), wide_row(j), dims_);
    else
      dots::table().correlate(rows_.data() + known, size() - known, rows_[i], dims_, row.data() + known);
  }
  return row.data();
}

std::size_t Candidates::bytes() const {
  std::size_t total = 0;
  for (const std::vector<double>& row : products_) total += row.capacity() * sizeof(double);
  return total;
}

void Candidates::release() {
  for (std::vector<double>& row : products_) std::vector<double>().swap(row);
}

}  // namespace unsuperpose
