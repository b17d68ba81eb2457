// Approximate K-SVD (Rubinstein, Zibulevsky, Elad 2008, "Efficient implementation of the K-SVD algorithm using batch orthogonal matching
// pursuit", figure 5): atoms in turn, each with its codes of the batch. With E_i the residual of sample i without atom j, over the samples
// that use it:
//   d_j ← u/‖u‖, u = Σ_i a_ij E_i;   a_ij ← E_i·d_j
// which is one step of the power method for the best rank-one fit of E. With λ the codes are soft(E_i·d_j, λ), with `nonnegative` no less
// than 0: for a unit atom each is the least of the objective over that code, and the atom the least over unit vectors for its codes, so that no
// step raises the objective of the batch. Ours beside the paper: u gains what A and B remember of earlier batches, Σ a_ij E_i over them in
// terms of their codes, b_j − A_j D + A_jj d_j.
#include <algorithm>
#include <cmath>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "online_state.hpp"

namespace unsuperpose {

namespace {

/// Samples a block of the parallel loops.
constexpr std::size_t kSampleBlock = 16;

/// The code without what is 0.
void drop_zeros(SparseCodes& codes) {
  std::uint32_t to = 0, from = 0;
  for (std::size_t i = 0; i + 1 < codes.indptr.size(); ++i) {
    for (const std::uint32_t end = codes.indptr[i + 1]; from < end; ++from) {
      if (codes.values[from] == 0) continue;
      codes.indices[to] = codes.indices[from];
      codes.values[to++] = codes.values[from];
    }
    codes.indptr[i + 1] = to;
  }
  codes.indices.resize(to);
  codes.values.resize(to);
}

}  // namespace

/// a = E·d for a unit atom, less λ, and 0 where it may not be negative.
float OnlineLearner::State::best_code(double correlation, double threshold) const {
  const double size = options.coding.nonnegative ? correlation : std::fabs(correlation);
  const double left = size - threshold;
  return left > 0 ? static_cast<float>(correlation < 0 ? -left : left) : 0.0f;
}

/// Atom j and its codes: `past` is what is remembered of u, to which the batch's share is added.
void OnlineLearner::State::refine_atom(std::uint32_t j, const std::vector<double>& lambda, SparseCodes& codes,
                                       const std::vector<std::uint32_t>& sample_of, Matrix32 residuals,
                                       float* past, float* change) {
  const auto& sparse = sparse_rows::table();
  const auto w = static_cast<float>(weight);
  const float* before = atoms.atom(j);
  double squares = 0;
  for (const std::uint32_t at : users_by_feature[j]) {
    cancellation::point();
    sparse.axpy(w * codes.values[at], residuals.row(sample_of[at]), past, dims);
    squares += static_cast<double>(codes.values[at]) * codes.values[at];
  }
  sparse.axpy(static_cast<float>(weight * squares), before, past, dims);
  const double norm = std::sqrt(reduce::table().squared_norm(past, dims));
  std::fill_n(change, dims, 0.0f);
  if (!(norm > 0)) return;
  std::copy_n(before, dims, change);
  float* atom = atoms.edit(j);
  for (std::size_t k = 0; k < dims; ++k) atom[k] = static_cast<float>(past[k] / norm);
  for (const std::uint32_t at : users_by_feature[j]) {
    cancellation::point();
    const std::uint32_t i = sample_of[at];
    float* residual = residuals.row(i);
    sparse.axpy(codes.values[at], change, residual, dims);
    const double threshold = lambda.empty() ? 0 : lambda[lambda.size() == 1 ? 0 : i];
    codes.values[at] = best_code(dots::table().dot(residual, atom, dims), threshold);
    sparse.axpy(-codes.values[at], atom, residual, dims);
  }
  for (std::size_t k = 0; k < dims; ++k) change[k] = atom[k] - change[k];
  columns.set_entry(j, atom);
}

/// All atoms that the batch uses, ascending, and its codes; A and B are of what came before. As in update_atoms, what is remembered is
/// multiplied out for a block of atoms at once, and each atom's change is carried to those after it.
void OnlineLearner::State::refine(ConstMatrix32 batch, const std::vector<double>& lambda, bool remembers,
                                  SparseCodes& codes, const Execution& execution) {
  const std::vector<std::uint32_t> sample_of = samples_of(codes);
  AlignedBuffer<float> left(batch.rows * stride);
  const Matrix32 residuals{left.data(), batch.rows, dims, stride};
  const auto& sparse = sparse_rows::table();
  execution.for_items(batch.rows, kSampleBlock, [&](std::size_t i) {
    const std::uint32_t first = codes.indptr[i];
    sparse.residual(batch.row(i), codes.indices.data() + first, codes.values.data() + first,
                    codes.indptr[i + 1] - first, atoms.atom(0), stride, dims, residuals.row(i));
  });
  const std::size_t block = atom_block();
  AlignedBuffer<float> products(block * stride), changes(block * stride), numerator(stride), past(stride);
  std::vector<const float*> changed(block);
  for (std::size_t i = 0; i < block; ++i) changed[i] = changes.data() + i * stride;
  std::vector<float> couplings(block);
  for (std::size_t first = 0; first < touched.size(); first += block) {
    const std::uint32_t* members = touched.data() + first;
    const std::size_t count = std::min(block, touched.size() - first);
    if (remembers) multiply_out(members, count, {products.data(), count, dims, stride}, execution);
    if (execution.cancelled()) return;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t j = members[i];
      float* change = changes.data() + i * stride;
      std::fill_n(past.data(), dims, 0.0f);
      if (remembers) {
        const float* row = a.data() + j * a_stride;
        const float* made = products.data() + i * stride;
        for (std::size_t k = 0; k < dims; ++k)
          numerator[k] = b[j * stride + k] - made[k] + row[j] * atoms.atom(j)[k];
        for (std::size_t e = 0; e < i; ++e) couplings[e] = row[members[e]];
        sparse.residual32(numerator.data(), changed.data(), couplings.data(), i, dims, past.data());
      }
      refine_atom(j, lambda, codes, sample_of, residuals, past.data(), change);
    }
  }
  drop_zeros(codes);
}

}  // namespace unsuperpose
