// Where training begins: the scale of its units, analytic weights (lista.hpp), and each layer's step and threshold, chosen so that its own
// loss on some samples is the smallest. Every kind of weights begins as the same network.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "../kernels/product/product.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "lista_state.hpp"

namespace unsuperpose {

namespace {

/// Samples of one unit of work.
constexpr std::size_t kTogether = 16;
/// Samples that a layer's first step and threshold are chosen on; the unsupervised loss costs a residual for each choice.
constexpr std::size_t kFit = 128, kFitUnsupervised = 64;
/// The grid that they are chosen from: steps 2^((1 − i)/2), thresholds the largest |z| times 2^(−3i/4); then finer twice.
constexpr std::size_t kSteps = 8, kThresholds = 18;
constexpr int kFiner = 2;
/// The first samples' mean largest correlation with an atom lies in [2, 4) in the network's units: codes are about 1.
constexpr int kSize = 2;

/// x · 2^exponent, through double: the factor may be none of float32.
bool scale_rows(ConstMatrix32 from, double factor, lista::Rows& to, const Execution& execution) {
  if (to.cols != from.cols) to = lista::Rows(0, from.cols);
  to.grow(from.rows);
  std::vector<std::uint8_t> fits(from.rows, 1);
  execution.for_items(from.rows, kTogether, [&](std::size_t i) {
    for (std::size_t d = 0; d < from.cols; ++d)
      to.row(i)[d] = static_cast<float>(static_cast<double>(from.row(i)[d]) * factor);
    fits[i] = reduce::table().all_finite(to.row(i), from.cols);
  });
  return std::find(fits.begin(), fits.end(), 0) == fits.end();
}

/// What a layer that has not been trained makes of some samples, for any step and threshold: z = codes + step·pull.
class Fit {
 public:
  Fit(const lista::Network& network, const lista::Objective& objective, const lista::Samples& from,
      std::size_t layer, std::size_t rows)
      : network_(network),
        objective_(objective),
        from_(from),
        selected_(lista::most_selected(network.at.selection[layer], network.at.features)),
        codes_(rows, network.at.features),
        pull_(rows, network.at.features),
        truth_(objective.penalty.empty() ? rows : 0, network.at.features) {}

  void prepare(std::size_t layer, const Execution& execution) {
    const std::size_t block = lista::block_rows(network_), rows = codes_.count;
    const ListaParameters& at = network_.at;
    execution.for_each((rows + block - 1) / block, [&](std::size_t b) {
      const std::size_t first = b * block, count = std::min(block, rows - first);
      const ConstMatrix32 x = from_.x.view().slice(first, count);
      lista::Codes codes;
      if (layer > 0) lista::run_layers(network_, x, layer, codes, nullptr);
      lista::Rows r(count, at.dims);
      lista::residuals(network_, x, codes, r.edit());
      const Matrix32 pull = pull_.edit().slice(first, count);
      product::store(r.view(), network_.weights(layer), pull, {});
      const float step = at.weights == ListaWeights::pair ? 1 : at.step[layer];
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < at.features; ++j) pull.row(i)[j] *= step;
        for (const std::uint32_t j : network_.zeros) pull.row(i)[j] = 0;
        if (layer == 0) continue;
        for (std::size_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e)
          codes_.row(first + i)[codes.index[e]] = codes.value[e];
      }
      for (std::size_t i = 0; i < count && truth_.count > 0; ++i)
        for (std::size_t e = from_.truth.begin[first + i]; e < from_.truth.begin[first + i + 1]; ++e)
          truth_.row(first + i)[from_.truth.index[e]] = from_.truth.value[e];
    });
  }

  /// max over samples and features of the strength of z for a step of 1
  float largest(const Execution& execution) const {
    std::vector<float> most(codes_.count, 0);
    execution.for_items(codes_.count, kTogether, [&](std::size_t i) {
      for (std::size_t j = 0; j < codes_.cols; ++j)
        most[i] = std::max(most[i], strength(codes_.row(i)[j] + pull_.row(i)[j]));
    });
    return *std::max_element(most.begin(), most.end());
  }

  /// The loss of each threshold.
  std::vector<double> losses(float step, const std::vector<float>& thresholds,
                             const Execution& execution) const {
    const std::size_t rows = codes_.count, each = thresholds.size();
    std::vector<double> all(rows * each), sums(each, 0);
    struct Scratch {
      std::vector<float> z, order, values;
      std::vector<const float*> atoms;
      AlignedBuffer<float> residual;
    };
    execution.for_items(
        rows, kTogether, [] { return Scratch(); },
        [&](std::size_t i, Scratch& scratch) {
          scratch.z.resize(codes_.cols);
          for (std::size_t j = 0; j < codes_.cols; ++j)
            scratch.z[j] = codes_.row(i)[j] + step * pull_.row(i)[j];
          const float limit = selection_limit(scratch.z, scratch.order);
          for (std::size_t t = 0; t < each; ++t)
            all[i * each + t] = objective_.penalty.empty() ? supervised(i, scratch.z, thresholds[t], limit)
                                                           : unsupervised(i, scratch, thresholds[t], limit);
        });
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t t = 0; t < each; ++t) sums[t] += all[i * each + t];
    return sums;
  }

 private:
  float strength(float z) const { return network_.at.nonnegative ? z : std::fabs(z); }

  float selection_limit(const std::vector<float>& z, std::vector<float>& order) const {
    if (selected_ == 0) return std::numeric_limits<float>::infinity();
    if (selected_ >= z.size()) return -1;
    order.resize(z.size());
    for (std::size_t j = 0; j < z.size(); ++j) order[j] = strength(z[j]);
    const auto at = order.begin() + static_cast<std::ptrdiff_t>(selected_);
    std::nth_element(order.begin(), at, order.end(), std::greater<>());
    return *at;
  }

  float shrunk(std::size_t i, std::size_t j, float z, float threshold, float limit) const {
    const float own =
        lista::threshold_of(threshold, static_cast<float>(network_.at.adaptive), codes_.row(i)[j]);
    if (!(strength(z) > own)) return 0;
    if (strength(z) > limit) return z;
    return z > 0 ? z - own : z + own;
  }

  double supervised(std::size_t i, const std::vector<float>& z, float threshold, float limit) const {
    double sum = 0;
    for (std::size_t j = 0; j < z.size(); ++j) {
      const double off =
          static_cast<double>(shrunk(i, j, z[j], threshold, limit)) - static_cast<double>(truth_.row(i)[j]);
      sum += off * off;
    }
    return sum / 2;
  }

  template <class Scratch>
  double unsupervised(std::size_t i, Scratch& scratch, float threshold, float limit) const {
    scratch.atoms.clear();
    scratch.values.clear();
    double sum = 0;
    for (std::size_t j = 0; j < scratch.z.size(); ++j) {
      const float a = shrunk(i, j, scratch.z[j], threshold, limit);
      if (a == 0) continue;
      scratch.atoms.push_back(network_.dictionary().row(j));
      scratch.values.push_back(a);
      sum += static_cast<double>(objective_.penalty[j]) * std::fabs(static_cast<double>(a));
    }
    scratch.residual.reserve(network_.at.dims);
    sparse_rows::table().residual32(from_.x.row(i), scratch.atoms.data(), scratch.values.data(),
                                    scratch.atoms.size(), network_.at.dims, scratch.residual.data());
    return sum + reduce::table().squared_norm(scratch.residual.data(), network_.at.dims) / 2;
  }

  const lista::Network& network_;
  const lista::Objective& objective_;
  const lista::Samples& from_;
  std::size_t selected_;
  lista::Rows codes_, pull_, truth_;
};

}  // namespace

Status ListaLearner::State::scale(ConstMatrix32 input, const SparseCodes* codes, const Execution& execution,
                                  lista::Samples& out) const {
  const bool fits = scale_rows(input, network.at.scale, out.x, execution);
  if (execution.cancelled()) return Status::cancelled();
  const auto refuse = [&] {
    return Status::fail(Code::option, "a sample of step " + std::to_string(steps + 1) +
                                          " is too large beside the first ones, which the scale of training "
                                          "comes from");
  };
  if (!fits) return refuse();
  lista::Codes& truth = out.truth;
  truth = {};
  if (!codes) return {};
  truth.begin = codes->indptr;
  truth.index = codes->indices;
  truth.value.resize(codes->indices.size());
  for (std::size_t e = 0; e < truth.value.size(); ++e)
    truth.value[e] = static_cast<float>(codes->value(e) * (network.at.scale * network.norms[truth.index[e]]));
  return reduce::table().all_finite(truth.value.data(), truth.value.size()) ? Status{} : refuse();
}

Status ListaLearner::State::build(ListaParameters parameters, const Execution& execution) {
  if (Status status = lista::make_network(std::move(parameters), execution, network); !status.ok())
    return status;
  const ListaParameters& at = network.at;
  weights = lista::Tensors(at);
  gradients = lista::Tensors(at);
  const auto fill = [&](std::vector<lista::Rows>& to, const std::vector<float>& from, std::size_t cols) {
    for (std::size_t m = 0; m < to.size(); ++m)
      for (std::size_t j = 0; j < at.features; ++j)
        std::copy_n(from.data() + (m * at.features + j) * cols, cols, to[m].row(j));
  };
  fill(weights.forward, at.forward, at.dims);
  fill(weights.recurrent, at.recurrent, at.features);
  if (!hyper()) {
    std::copy_n(at.step.data(), at.layers, weights.step.row(0));
    std::copy_n(at.threshold.data(), at.layers, weights.threshold.row(0));
  }
  forget_moments();
  network.at.forward = std::vector<float>();  // its memory too: layers read the packed rows, training its own
  objective.every = options.every;
  objective.penalty.clear();
  for (std::size_t j = 0; j < at.features && !supervised(); ++j)
    objective.penalty.push_back(
        network.norms[j] > 0 ? static_cast<float>(options.lambda * at.scale / network.norms[j]) : 0);
  return {};
}

Status ListaLearner::State::fit_layer(std::size_t layer, const lista::Samples& from,
                                      const Execution& execution) {
  const std::size_t rows = std::min(from.x.count, supervised() ? kFit : kFitUnsupervised);
  Fit fit(network, objective, from, layer, rows);
  fit.prepare(layer, execution);
  const float top = fit.largest(execution);
  if (execution.cancelled()) return Status::cancelled();
  float best_step = 1, best_threshold = 0;
  double least = std::numeric_limits<double>::infinity();
  const auto look = [&](const std::vector<float>& steps_, const std::vector<float>& thresholds) {
    for (const float one : steps_) {
      const std::vector<double> losses = fit.losses(one, thresholds, execution);
      for (std::size_t t = 0; t < losses.size(); ++t)
        if (losses[t] < least) {
          least = losses[t];
          best_step = one;
          best_threshold = thresholds[t];
        }
    }
  };
  std::vector<float> grid_steps, grid_thresholds;
  for (std::size_t i = 0; i < kSteps; ++i) grid_steps.push_back(exp2f((1 - static_cast<float>(i)) / 2));
  for (std::size_t i = 0; i < kThresholds; ++i)
    grid_thresholds.push_back(top * exp2f(-0.75f * static_cast<float>(i)));
  look(grid_steps, grid_thresholds);
  float reach = 1.0f / 3;
  for (int round = 0; round < kFiner && !execution.cancelled(); ++round, reach /= 3) {
    const float step = best_step, threshold = best_threshold;
    const float less = exp2f(-reach / 2), lower = exp2f(-0.75f * reach);
    look({step * less, step, step / less}, {threshold * lower, threshold, threshold / lower});
  }
  if (execution.cancelled()) return Status::cancelled();
  weights.threshold.row(0)[layer] = best_threshold;
  const std::size_t features = network.at.features;
  switch (network.at.weights) {
    case ListaWeights::layers:
    case ListaWeights::pair:
      for (std::size_t j = 0; j < features; ++j)
        for (std::size_t d = 0; d < network.at.dims; ++d) weights.forward[layer].row(j)[d] *= best_step;
      if (network.at.weights == ListaWeights::layers) break;
      for (std::size_t j = 0; j < features; ++j)
        for (std::size_t l = 0; l < features; ++l) {
          const float unit = j == l ? 1.0f : 0.0f;
          float& entry = weights.recurrent[layer].row(j)[l];
          entry = unit - best_step * (unit - entry);
        }
      break;
    default: weights.step.row(0)[layer] *= best_step;
  }
  publish(execution);
  return execution.cancelled() ? Status::cancelled() : Status{};
}

std::vector<float> ListaLearner::State::selection() const {
  std::vector<float> all(options.layers);
  for (std::size_t k = 0; k < all.size(); ++k)
    all[k] =
        static_cast<float>(std::min(options.selection * static_cast<double>(k + 1), options.most_selected));
  return all;
}

Status ListaLearner::State::begin(ConstMatrix32 input, const SparseCodes* codes, const Execution& execution) {
  ListaParameters start = given;
  start.scale = 1;
  if (Status status = analytic_weights(dictionary(), options.ridge, execution, start.forward); !status.ok())
    return status;
  const ListaWeights kind = options.weights;
  if (kind == ListaWeights::hyper) {
    start.hyper = {0, 0, 0};
  } else {
    start.weights = ListaWeights::fixed;
    start.step.assign(start.layers, 1);
    start.threshold.assign(start.layers, 0);
    start.selection = selection();
  }
  // The scale: what the first samples' largest entry and largest correlations say, each exactly.
  float largest = 0;
  for (std::size_t i = 0; i < input.rows; ++i)
    largest = std::max(largest, reduce::table().max_absolute(input.row(i), input.cols));
  if (largest > 0) {
    int exponent = 0, of_codes = 0;
    std::frexp(largest, &exponent);
    lista::Rows rows;
    scale_rows(input, std::ldexp(1.0, -exponent), rows, execution);
    const product::PackedRows packed(ConstMatrix32{start.forward.data(), start.features, start.dims});
    std::vector<float> most(input.rows);
    product::max(rows.view(), packed, {}, most.data(), execution);
    if (execution.cancelled()) return Status::cancelled();
    double mean = 0;
    for (const float one : most) mean += static_cast<double>(one) / static_cast<double>(most.size());
    if (mean > 0 && std::isfinite(mean)) std::frexp(mean, &of_codes);
    start.scale = std::ldexp(1.0, kSize - exponent - of_codes);
  }
  if (Status status = build(start, execution); !status.ok()) return status;
  lista::Samples first_samples;
  if (Status status = scale(input, codes, execution, first_samples); !status.ok()) return status;
  if (kind == ListaWeights::hyper) {
    if (Status status = search_grid(first_samples, execution); !status.ok()) return status;
    begun = true;
    return {};
  }
  for (std::size_t k = 0; k < start.layers; ++k)
    if (options.first_threshold > 0)
      weights.threshold.row(0)[k] = static_cast<float>(options.first_threshold * start.scale);
    else if (Status status = fit_layer(k, first_samples, execution); !status.ok())
      return status;
  publish(execution);
  if (execution.cancelled()) return Status::cancelled();
  // Last of all: a start that was cancelled is made again.
  const auto end = [&](Status status) {
    begun = status.ok();
    return status;
  };
  if (kind == ListaWeights::fixed) return end({});
  start.threshold = network.at.threshold;
  start.step = network.at.step;
  start.weights = kind;
  if (kind == ListaWeights::shared) return end(build(std::move(start), execution));
  // A matrix a layer, which the step goes into.
  const std::vector<float> analytic = std::move(start.forward);
  start.forward = sized_vector<float>(start.layers * analytic.size());
  for (std::size_t k = 0; k < start.layers; ++k)
    for (std::size_t e = 0; e < analytic.size(); ++e)
      start.forward[k * analytic.size() + e] = start.step[k] * analytic[e];
  if (kind == ListaWeights::pair) {
    // U_k = I − γ_k D̂Wᵀ: with it z = b + γ_k W(x' − bD̂).
    const std::size_t n = start.features;
    lista::Rows overlaps(n, n);
    const product::PackedRows packed(ConstMatrix32{analytic.data(), n, start.dims});
    product::store(network.dictionary(), packed, overlaps.edit(), execution);
    if (execution.cancelled()) return Status::cancelled();
    start.recurrent = sized_vector<float>(start.layers * n * n);
    for (std::size_t k = 0; k < start.layers; ++k)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t l = 0; l < n; ++l)
          start.recurrent[(k * n + j) * n + l] = (j == l ? 1.0f : 0.0f) - start.step[k] * overlaps.row(j)[l];
  }
  start.step.assign(start.layers, 1);
  return end(build(std::move(start), execution));
}

}  // namespace unsuperpose
