// What an online learner makes of a batch's codes: the statistics A and B, and better atoms.
#include <algorithm>
#include <cmath>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../kernels/product/product.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "online_state.hpp"

namespace unsuperpose {

namespace {

/// Features a block of the parallel loops.
constexpr std::size_t kAtomBlock = 16;
/// An atom is updated once this share of its A_jj has come since its last update: what a smaller share would change is less
/// than what the next batches change again, and an update costs as much however little is new.
constexpr float kNews = 0.1f;
/// Atoms whose numerators are made together: enough multiply-adds for several threads, few enough that carrying changes within
/// a block, which is serial, costs little beside the product.
constexpr std::size_t kBlockWork = std::size_t{1} << 24, kLeastBlock = 32, kMostBlock = 128;

}  // namespace

/// By feature: who used it, in ascending order of samples (fixed order of summation).
void OnlineLearner::State::group(const SparseCodes& codes) {
  auto& users = users_by_feature;
  for (std::uint32_t j : touched) users[j].clear();
  touched.clear();
  for (std::size_t i = 0; i + 1 < codes.indptr.size(); ++i)
    for (std::uint32_t at = codes.indptr[i]; at < codes.indptr[i + 1]; ++at) {
      const std::uint32_t j = codes.indices[at];
      if (users[j].empty()) touched.push_back(j);
      users[j].push_back(at);
    }
  std::sort(touched.begin(), touched.end());
}

std::vector<std::uint32_t> OnlineLearner::State::samples_of(const SparseCodes& codes) {
  std::vector<std::uint32_t> sample_of(codes.indices.size());
  for (std::uint32_t i = 0; i + 1 < codes.indptr.size(); ++i)
    std::fill(sample_of.begin() + codes.indptr[i], sample_of.begin() + codes.indptr[i + 1], i);
  return sample_of;
}

void OnlineLearner::State::count_users(std::uint32_t j, const SparseCodes& codes) {
  const std::vector<std::uint32_t>& users = users_by_feature[j];
  const float w = static_cast<float>(weight);
  for (const std::uint32_t at : users) fresh[j] += w * codes.values[at] * codes.values[at];
  usage[j] += static_cast<double>(users.size());
  used[j] += static_cast<double>(users.size());
  recent[j] += weight * static_cast<double>(users.size());
}

/// A += weighted aᵀa, B += weighted aᵀx of codes that are grouped, a feature's row at a time so that rows can go in parallel.
void OnlineLearner::State::accumulate(ConstMatrix32 batch, const SparseCodes& codes,
                                      const Execution& execution) {
  if (there && teach_device(batch, codes)) return;
  const auto& users = users_by_feature;
  const std::vector<std::uint32_t> sample_of = samples_of(codes);
  const float w = static_cast<float>(weight);
  const auto& sparse = sparse_rows::table();
  execution.for_each((touched.size() + kAtomBlock - 1) / kAtomBlock, [&](std::size_t block) {
    const std::size_t last = std::min(touched.size(), (block + 1) * kAtomBlock);
    for (std::size_t t = block * kAtomBlock; t < last; ++t) {
      const std::uint32_t j = touched[t];
      for (std::uint32_t at : users[j]) {
        cancellation::point();
        const std::uint32_t i = sample_of[at];
        const float factor = w * codes.values[at];
        sparse.axpy(factor, batch.row(i), b.data() + j * stride, dims);
        float* row = a.data() + j * a_stride;
        for (std::uint32_t k = codes.indptr[i]; k < codes.indptr[i + 1]; ++k)
          row[codes.indices[k]] += factor * codes.values[k];
      }
      count_users(j, codes);
    }
  });
}

/// The atoms that the batch used and that have something new to learn, ascending.
void OnlineLearner::State::choose_due() {
  due.clear();
  for (const std::uint32_t j : touched)
    if (fresh[j] >= kNews * own(j)) due.push_back(j);
}

std::size_t OnlineLearner::State::atom_block() const {
  return std::clamp(kBlockWork / (dims * options.features), kLeastBlock, kMostBlock);
}

/// A_j D of these atoms.
void OnlineLearner::State::multiply_out(const std::uint32_t* members, std::size_t count, Matrix32 out,
                                        const Execution& execution) {
  if (columns_behind)
    for (std::size_t j = 0; j < atoms.features(); ++j) columns.set_entry(j, atoms.atom(j));
  columns_behind = false;
  const ConstMatrix32 rows{a.data(), options.features, options.features, a_stride};
  product::store({rows, members, count}, columns, out, execution);
}

/// Block-coordinate descent over the atoms that are due: exact Gauss–Seidel, at the cost of one dense product. The numerators
/// b_j − A_j D of a block of atoms are made at once, with all others as they are by then; within the block each atom's change
/// is carried to those after it.
Status OnlineLearner::State::update_atoms(const Execution& execution) {
  choose_due();
  if (there) {
    bool improved = false;
    const Status status = improve_on_device(execution, improved);
    if (improved || !status.ok()) return status;
  }
  const std::size_t block = atom_block();
  AlignedBuffer<float> products(block * stride), changes(block * stride), numerator(stride);
  std::vector<const float*> changed(block);
  for (std::size_t i = 0; i < block; ++i) changed[i] = changes.data() + i * stride;
  std::vector<float> couplings(block);
  const auto& reduce = reduce::table();
  const auto& sparse = sparse_rows::table();
  for (std::size_t first = 0; first < due.size(); first += block) {
    const std::uint32_t* members = due.data() + first;
    const std::size_t count = std::min(block, due.size() - first);
    multiply_out(members, count, {products.data(), count, dims, stride}, execution);
    if (execution.cancelled()) return Status::cancelled();
    for (std::size_t i = 0; i < count; ++i) {
      cancellation::point();
      const std::uint32_t j = members[i];
      const float* row = a.data() + j * a_stride;
      const float size = row[j];
      const float* made = products.data() + i * stride;
      const float* before = atoms.atom(j);
      float* change = changes.data() + i * stride;
      for (std::size_t k = 0; k < dims; ++k) change[k] = b[j * stride + k] - made[k] + size * before[k];
      for (std::size_t e = 0; e < i; ++e) couplings[e] = row[members[e]];
      sparse.residual32(change, changed.data(), couplings.data(), i, dims, numerator.data());
      fresh[j] = 0;
      const double norm = std::sqrt(reduce.squared_norm(numerator.data(), dims));
      if (!(size > 0) || norm == 0) {
        std::fill_n(change, dims, 0.0f);
        continue;
      }
      // u = numerator/own, then u/max(1, ‖u‖)
      const auto scale = static_cast<float>(1 / std::max(static_cast<double>(size), norm));
      float* atom = atoms.edit(j);
      for (std::size_t k = 0; k < dims; ++k) {
        const float next = numerator[k] * scale;
        change[k] = next - atom[k];
        atom[k] = next;
      }
      columns.set_entry(j, atom);
    }
  }
  return {};
}

/// The share of the past that the next batch leaves. Early statistics come from codes on a poor dictionary, and hold it
/// there: the memory is kShortest steps at first, (t/kGrowing)² once that is more, and in the end what was asked for.
/// (Mairal et al. 2010, §3.4.1, has (1 − 1/t)^ρ.)
double OnlineLearner::State::keeps() const {
  constexpr double kShortest = 4, kGrowing = 30;
  const double grown = static_cast<double>(steps) / kGrowing;
  return std::min(options.forgetting, 1 - 1 / std::max(kShortest, grown * grown));
}

/// The common scale's exponent rose: A and B are of its square.
void OnlineLearner::State::rescale(int rise) {
  if (there) {
    there->scale(std::ldexp(1.0, -2 * rise));
    for (float& size : diagonal) size = std::ldexp(size, -2 * rise);
  } else {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::ldexp(a[i], -2 * rise);
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = std::ldexp(b[i], -2 * rise);
  }
  for (float& news : fresh) news = std::ldexp(news, -2 * rise);
}

/// Forgetting without touching the past: the new batch weighs 1/ρ more than the last. All that the updates
/// use are ratios, so the sums are only scaled back now and then.
void OnlineLearner::State::forget(double share) {
  constexpr double kLargestWeight = 1e6;
  if (share == 0) return forget_all();
  weight /= share;
  if (weight < kLargestWeight) return;
  const auto scale = static_cast<float>(1 / weight);
  if (there) {
    there->scale(static_cast<double>(scale));
    for (float& size : diagonal) size *= scale;
  } else {
    for (std::size_t j = 0; j < options.features; ++j) {
      cancellation::point();
      for (std::size_t k = 0; k < a_stride; ++k) a[j * a_stride + k] *= scale;
    }
    for (std::size_t i = 0; i < b.size(); ++i) b[i] *= scale;
  }
  for (float& news : fresh) news *= scale;
  for (double& count : recent) count /= weight;
  weight = 1;
}

void OnlineLearner::State::forget_all() {
  if (there) {
    there->scale(0);
    std::fill(diagonal.begin(), diagonal.end(), 0.0f);
  } else {
    std::fill_n(a.data(), a.size(), 0.0f);
    std::fill_n(b.data(), b.size(), 0.0f);
  }
  std::fill(fresh.begin(), fresh.end(), 0.0f);
  std::fill(recent.begin(), recent.end(), 0.0);
  weight = 1;
}

}  // namespace unsuperpose
