#include "autoencoder_pursuit.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"

namespace unsuperpose::autoencoder {

namespace {
/// Samples, and features, of one unit of work.
constexpr std::size_t kBlock = 16;
/// What steps add to gradients, held at a time: in a cache, and enough for many threads.
constexpr std::size_t kPartBytes = std::size_t{8} << 20;

Matrix32 editable(const Rows& rows) { return {rows.data.data(), rows.count, rows.cols, rows.stride}; }
}  // namespace

PursuitPass::PursuitPass(const AutoencoderOptions& options, std::size_t dims)
    : options_(options), left_(0, dims), dead_left_(0, dims), slope_(0, dims), parts_(0, dims) {}

/// Sample i: its steps' parts to parts_, of which the first belongs to step `first`; and the slope at the start.
void PursuitPass::back(const Weights& weights, const MatchingSteps& steps, const Rows& left, std::size_t i,
                       std::size_t first) {
  const auto& sparse = sparse_rows::table();
  const auto& dots = dots::table();
  const std::size_t dims = left.cols;
  const ConstMatrix32 atoms = weights.encoder.atoms();
  std::vector<float> now(left.row(i), left.row(i) + dims);
  const std::vector<float> zero(dims, 0.0f);
  float* const slope = slope_.row(i);
  std::copy_n(left.row(i), dims, slope);
  for (std::uint32_t e = steps.indptr[i + 1]; e-- > steps.indptr[i];) {
    const float* atom = atoms.row(steps.atoms[e]);
    const float value = steps.values[e];
    const auto pull = static_cast<float>(dots.dot(atom, slope, dims));
    sparse.axpy(value, atom, now.data(), dims);
    const float* rows[] = {slope, now.data()};
    const float factors[] = {-value, -pull};
    sparse.residual32(zero.data(), rows, factors, 2, dims, parts_.row(e - first));
    sparse.axpy(-pull, atom, slope, dims);
  }
}

/// Takes the parts of steps first … end − 1 from the gradients, feature by feature, and in the order of samples.
void PursuitPass::gather(const MatchingSteps& steps, std::size_t first, std::size_t end, float factor,
                         const Execution& execution, Gradients& gradients, std::vector<std::uint32_t>* used) {
  std::vector<std::uint32_t> order(end - first);
  std::iota(order.begin(), order.end(), 0u);
  const auto atom = [&](std::uint32_t part) { return steps.atoms[first + part]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return atom(a) < atom(b); });
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < order.size(); ++at)
    if (at == 0 || atom(order[at]) != atom(order[at - 1])) starts.push_back(at);
  const std::size_t groups = starts.size(), dims = gradients.encoder.cols;
  starts.push_back(order.size());
  struct Scratch {
    std::vector<const float*> rows;
    std::vector<float> factors, sum;
  };
  execution.for_items(
      groups, kBlock, [] { return Scratch(); },
      [&](std::size_t g, Scratch& scratch) {
        scratch.rows.clear();
        for (std::size_t at = starts[g]; at < starts[g + 1]; ++at)
          scratch.rows.push_back(parts_.row(order[at]));
        scratch.factors.assign(scratch.rows.size(), factor);
        scratch.sum.resize(dims);
        float* row = gradients.encoder.row(atom(order[starts[g]]));
        sparse_rows::table().residual32(row, scratch.rows.data(), scratch.factors.data(), scratch.rows.size(),
                                        dims, scratch.sum.data());
        std::copy_n(scratch.sum.data(), dims, row);
      });
  if (!used) return;
  const auto sample = [&](std::uint32_t part) {
    return std::upper_bound(steps.indptr.begin(), steps.indptr.end(),
                            static_cast<std::uint32_t>(first + part));
  };
  for (std::size_t at = 0; at < order.size(); ++at)
    if (at == 0 || atom(order[at]) != atom(order[at - 1]) || sample(order[at]) != sample(order[at - 1]))
      ++(*used)[atom(order[at])];
}

/// Adds `factor` times the gradients of Σ ½‖left‖² to those of the atoms; slope_ has those of what the pursuits started from.
void PursuitPass::backward(const Weights& weights, const MatchingSteps& steps, const Rows& left, float factor,
                           const Execution& execution, Gradients& gradients,
                           std::vector<std::uint32_t>* used) {
  const std::size_t samples = left.count;
  slope_.grow(samples);
  const std::size_t most = std::max<std::size_t>(1, kPartBytes / (left.stride * sizeof(float)));
  for (std::size_t from = 0, to; from < samples && !execution.cancelled(); from = to) {
    const std::size_t first = steps.indptr[from];
    for (to = from + 1; to < samples && steps.indptr[to + 1] - first <= most;) ++to;
    const std::size_t end = steps.indptr[to];
    parts_.grow(end - first);
    execution.for_items(to - from, kBlock,
                        [&](std::size_t i) { back(weights, steps, left, from + i, first); });
    if (execution.cancelled()) return;
    gather(steps, first, end, factor, execution, gradients, used);
  }
}

/// Dead features learn to explain what is left, which is held fixed.
Status PursuitPass::revive(const Weights& weights, const std::vector<std::uint32_t>& dead,
                           const Execution& execution, Gradients& gradients, Outcome& out) {
  const std::size_t samples = left_.count, dims = left_.cols;
  const std::size_t wanted = options_.auxiliary_k > 0 ? options_.auxiliary_k : options_.k;
  const double share =
      options_.auxiliary * std::min(1.0, static_cast<double>(dead.size()) / static_cast<double>(wanted));
  const ConstMatrix32 atoms = weights.encoder.atoms();
  Rows picked(dead.size(), dims);
  for (std::size_t c = 0; c < dead.size(); ++c)
    std::memcpy(picked.row(c), atoms.row(dead[c]), dims * sizeof(float));
  std::shared_ptr<const Dictionary> among;
  if (Status status = Dictionary::make(picked.view(), false, among); !status.ok()) return status;
  dead_left_.grow(samples);
  std::memcpy(dead_left_.data.data(), left_.data.data(), samples * left_.stride * sizeof(float));
  const MatchingOptions options{.steps = std::min(wanted, dead.size())};
  if (Status status = matching_steps(editable(dead_left_), *among, options, execution, dead_steps_);
      !status.ok())
    return status;
  for (std::uint32_t& j : dead_steps_.atoms) j = dead[j];
  double squares = 0;
  for (std::size_t i = 0; i < samples; ++i) squares += reduce::table().squared_norm(dead_left_.row(i), dims);
  out.loss += share * squares / 2 / static_cast<double>(samples);
  backward(weights, dead_steps_, dead_left_, static_cast<float>(share / static_cast<double>(samples)),
           execution, gradients, nullptr);
  return {};
}

Status PursuitPass::run(Weights& weights, ConstMatrix32 x, const Settings& settings,
                        const Execution& execution, Gradients& gradients, std::vector<std::uint32_t>& used,
                        Outcome& out) {
  const std::size_t samples = x.rows, dims = x.cols;
  left_.grow(samples);
  execution.for_items(samples, kBlock, [&](std::size_t i) {
    for (std::size_t d = 0; d < dims; ++d) left_.row(i)[d] = x.row(i)[d] - weights.decoder_bias.data[d];
  });
  const Dictionary* atoms = nullptr;
  if (Status status = weights.encoder.current(execution, atoms); !status.ok()) return status;
  const MatchingOptions options{.steps = settings.k};
  if (Status status = matching_steps(editable(left_), *atoms, options, execution, steps_); !status.ok())
    return status;
  for (std::size_t i = 0; i < samples; ++i)
    out.squared_residual += reduce::table().squared_norm(left_.row(i), dims);
  out.loss = out.squared_residual / 2 / static_cast<double>(samples);
  used.assign(atoms->features(), 0);
  std::memset(gradients.encoder.data.data(), 0, gradients.encoder.data.bytes());
  const auto mean = static_cast<float>(1.0 / static_cast<double>(samples));
  backward(weights, steps_, left_, mean, execution, gradients, &used);
  for (const std::uint32_t uses : used) out.active += uses;
  float* bias = gradients.decoder_bias.data.data();
  std::fill_n(bias, dims, 0.0f);
  for (std::size_t i = 0; i < samples; ++i) sparse_rows::table().axpy(-mean, slope_.row(i), bias, dims);
  if (settings.dead && !settings.dead->empty() && options_.auxiliary > 0)
    if (Status status = revive(weights, *settings.dead, execution, gradients, out); !status.ok())
      return status;
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose::autoencoder
