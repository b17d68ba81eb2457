#include <algorithm>
#include <cmath>
#include <utility>

#include "../core/cancellation.hpp"
#include "../core/sums.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "factor.hpp"
#include "lista_network.hpp"

namespace unsuperpose {

namespace {

/// Square matrices in float64, row-major.
struct Square {
  std::size_t size;
  std::vector<double> data;
  explicit Square(std::size_t size_) : size(size_), data(sized_vector<double>(bytes_of(size_, size_))) {}
  double* row(std::size_t i) { return data.data() + i * size; }
};

/// A direction counts as outside the span from this share of the atoms' mean square over the dims: (2⁻²⁰)².
constexpr double kOutside = 0x1.0p-40;

void unit_atom(ConstMatrix32 dictionary, const std::vector<double>& norms, std::size_t j, double* out) {
  for (std::size_t d = 0; d < dictionary.cols; ++d)
    out[d] = static_cast<double>(dictionary.row(j)[d]) / norms[j];
}

/// The upper triangle of D̂ᵀD̂.
void gram(ConstMatrix32 dictionary, const std::vector<double>& norms, const Execution& execution,
          Square& out) {
  constexpr std::size_t kRows = 16;  // of the matrix: a strip stays in the second cache
  const std::size_t dims = dictionary.cols;
  execution.for_each((dims + kRows - 1) / kRows, [&](std::size_t block) {
    const std::size_t first = block * kRows, end = std::min(dims, first + kRows);
    std::vector<double> atom(dims);
    for (std::size_t j = 0; j < dictionary.rows; ++j) {
      if (norms[j] == 0) continue;
      cancellation::point();
      unit_atom(dictionary, norms, j, atom.data());
      for (std::size_t i = first; i < end; ++i) {
        double* row = out.row(i);
        for (std::size_t k = i; k < dims; ++k) row[k] += atom[i] * atom[k];
      }
    }
  });
}

/// Cholesky with the largest pivot first until none is above `least`: G ≈ RᵀR, R rank × dims.
std::vector<double> pivoted_factor(Square g, double least) {
  const std::size_t n = g.size;
  std::vector<double> r, diagonal(n);
  for (std::size_t i = 0; i < n; ++i) diagonal[i] = g.row(i)[i];
  std::vector<bool> used(n);
  for (std::size_t rank = 0; rank < n; ++rank) {
    cancellation::point();
    std::size_t pivot = n;
    for (std::size_t i = 0; i < n; ++i)
      if (!used[i] && diagonal[i] > least && (pivot == n || diagonal[i] > diagonal[pivot])) pivot = i;
    if (pivot == n) break;
    const double root = std::sqrt(diagonal[pivot]);
    r.resize((rank + 1) * n);
    double* row = r.data() + rank * n;
    for (std::size_t k = 0; k < n; ++k) {
      if (used[k]) continue;
      row[k] = k < pivot ? g.row(k)[pivot] : g.row(pivot)[k];
    }
    for (std::size_t t = 0; t < rank; ++t) {
      const double factor = r[t * n + pivot];
      for (std::size_t k = 0; k < n; ++k)
        if (!used[k]) row[k] -= factor * r[t * n + k];
    }
    row[pivot] = root * root;
    for (std::size_t k = 0; k < n; ++k) {
      row[k] /= root;
      diagonal[k] -= row[k] * row[k];
    }
    used[pivot] = true;
  }
  return r;
}

/// S: the inverse of the Gram matrix with `ridge` on its diagonal, on the atoms' span. Empty where the call was cancelled.
Status inverse(ConstMatrix32 dictionary, const std::vector<double>& norms, double ridge,
               const Execution& execution, Square& out) {
  const std::size_t dims = dictionary.cols;
  Square g(dims);
  gram(dictionary, norms, execution, g);
  if (execution.cancelled()) return Status::cancelled();
  double trace = 0;
  for (std::size_t i = 0; i < dims; ++i) trace += g.row(i)[i];
  if (trace == 0) return {};
  const double least = kOutside * trace / static_cast<double>(dims);
  if (ridge > 0)
    for (std::size_t i = 0; i < dims; ++i) g.row(i)[i] += ridge;

  std::vector<double> equations = sized_vector<double>(bytes_of(dims, 2 * dims));
  NormalEquations of{equations.data(), dims, dims, 2 * dims};
  for (std::size_t i = 0; i < dims; ++i) {
    std::copy_n(g.row(i), dims, of.row(i));
    of.row(i)[dims + i] = 1;
  }
  if (solve(of, least, execution)) {
    for (std::size_t i = 0; i < dims; ++i) std::copy_n(of.row(i) + dims, dims, out.row(i));
    return {};
  }
  if (execution.cancelled()) return Status::cancelled();

  // G = RᵀR with R of full rank: G⁺ = XᵀX, X = (RRᵀ)⁻¹R.
  const std::vector<double> r = pivoted_factor(std::move(g), least);
  const std::size_t rank = r.size() / dims;
  equations.assign(rank * (rank + dims), 0);
  of = {equations.data(), rank, dims, rank + dims};
  for (std::size_t i = 0; i < rank; ++i) {
    for (std::size_t k = i; k < rank; ++k)
      of.row(i)[k] = sums::dot(r.data() + i * dims, r.data() + k * dims, dims);
    std::copy_n(r.data() + i * dims, dims, of.row(i) + rank);
  }
  if (!solve(of, 0, execution))
    return execution.cancelled() ? Status::cancelled()
                                 : Status::fail(Code::native, "the atoms' span could not be factored");
  execution.for_items(dims, 16, [&](std::size_t i) {
    double* row = out.row(i);
    for (std::size_t t = 0; t < rank; ++t) {
      const double* x = of.row(t) + rank;
      for (std::size_t k = 0; k < dims; ++k) row[k] += x[i] * x[k];
    }
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace

Status lista::analytic(ConstMatrix32 dictionary, const std::vector<double>& norms, double ridge,
                       const Execution& execution, std::vector<double>& leverage,
                       std::vector<float>* weights) {
  constexpr std::size_t kTogether = 8;  // atoms that a row of S meets at once
  const std::size_t features = dictionary.rows, dims = dictionary.cols;
  Square s(dims);
  if (Status status = inverse(dictionary, norms, ridge, execution, s); !status.ok()) return status;
  leverage.assign(features, 0);
  if (weights) *weights = sized_vector<float>(bytes_of(features, dims));
  execution.for_each((features + kTogether - 1) / kTogether, [&](std::size_t block) {
    cancellation::point();
    const std::size_t first = block * kTogether, count = std::min(kTogether, features - first);
    std::vector<double> atoms(count * dims), products(count * dims);
    for (std::size_t j = 0; j < count; ++j)
      if (norms[first + j] > 0) unit_atom(dictionary, norms, first + j, atoms.data() + j * dims);
    for (std::size_t i = 0; i < dims; ++i)
      for (std::size_t j = 0; j < count; ++j)
        products[j * dims + i] = sums::dot(s.row(i), atoms.data() + j * dims, dims);
    for (std::size_t j = 0; j < count; ++j) {
      const double* w = products.data() + j * dims;
      const double share = sums::dot(w, atoms.data() + j * dims, dims);
      if (!(share > 0)) continue;
      leverage[first + j] = share;
      if (!weights) continue;
      for (std::size_t d = 0; d < dims; ++d)
        (*weights)[(first + j) * dims + d] = static_cast<float>(w[d] / share);
    }
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

Status analytic_weights(ConstMatrix32 dictionary, double ridge, const Execution& execution,
                        std::vector<float>& out) {
  std::vector<double> norms(dictionary.rows), leverage;
  for (std::size_t j = 0; j < dictionary.rows; ++j)
    norms[j] = std::sqrt(reduce::table().squared_norm(dictionary.row(j), dictionary.cols));
  return lista::analytic(dictionary, norms, ridge, execution, leverage, &out);
}

}  // namespace unsuperpose
