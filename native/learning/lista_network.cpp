#include "lista_network.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "../core/cancellation.hpp"
#include "../kernels/product/kernels.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"

namespace unsuperpose::lista {

namespace {

Status check(const ListaParameters& p) {
  const auto shape = [](const char* name) {
    return Status::fail(Code::shape,
                        std::string(name) + " does not fit the numbers of layers, features and dims");
  };
  constexpr std::size_t kMostFeatures = std::numeric_limits<std::uint32_t>::max();
  if (p.layers == 0 || p.features == 0 || p.dims == 0)
    return Status::fail(Code::shape, "a network must have at least one layer, one feature and one dim");
  if (p.features > kMostFeatures) return Status::fail(Code::too_large, "more than 2³² − 1 features");
  int exponent = 0;
  if (!(p.scale > 0) || std::isinf(p.scale) || std::frexp(p.scale, &exponent) != 0.5)
    return Status::fail(Code::option, "scale must be a power of two");
  if (!(p.adaptive >= 0) || std::isinf(p.adaptive))
    return Status::fail(Code::option, "adaptive must be finite and not negative");
  // Layers compute with it in float32, in which 0 would mean none.
  if (p.adaptive > 0 && static_cast<float>(p.adaptive) == 0)
    return Status::fail(Code::option, "adaptive must be 0 or a number of float32");
  if (!(p.ridge >= 0) || std::isinf(p.ridge))
    return Status::fail(Code::option, "ridge must be finite and not negative");
  const bool hyper = p.weights == ListaWeights::hyper, pair = p.weights == ListaWeights::pair;
  const bool many = pair || p.weights == ListaWeights::layers;
  // Products that do not wrap: sizes that no memory has fit no tensor.
  const std::size_t matrix = bytes_of(p.features, p.dims), scalars = hyper ? 0 : p.layers;
  if (p.dictionary.size() != matrix) return shape("dictionary");
  if (p.forward.size() != (many ? bytes_of(p.layers, matrix) : matrix)) return shape("forward");
  if (p.recurrent.size() != (pair ? bytes_of(bytes_of(p.layers, p.features), p.features) : 0))
    return shape("recurrent");
  if (p.step.size() != scalars) return shape("step");
  if (p.threshold.size() != scalars) return shape("threshold");
  if (p.selection.size() != scalars) return shape("selection");
  if (p.hyper.size() != (hyper ? 3 : 0)) return shape("hyper");
  const std::pair<const char*, const std::vector<float>*> tensors[] = {
      {"dictionary", &p.dictionary}, {"forward", &p.forward},
      {"recurrent", &p.recurrent},   {"step", &p.step},
      {"threshold", &p.threshold},   {"selection", &p.selection}};
  for (const auto& [name, values] : tensors)
    if (!reduce::table().all_finite(values->data(), values->size()))
      return Status::fail(Code::not_finite, std::string(name) + " holds NaN or Infinity");
  for (const double c : p.hyper)
    if (!std::isfinite(c)) return Status::fail(Code::not_finite, "hyper holds NaN or Infinity");
  for (const float threshold : p.threshold)
    if (threshold < 0) return Status::fail(Code::option, "threshold holds a negative number");
  for (const float percent : p.selection)
    if (percent < 0 || percent > 100)
      return Status::fail(Code::option, "selection holds a number that is not a percentage");
  return {};
}

/// The working memory of a block's layers.
struct Scratch {
  Scratch(const Network& network, std::size_t rows)
      : panel(network.packed[0].panel()),
        stride(round_up(network.at.features, panel)),
        z(AlignedBuffer<float>::zeros(rows * stride)),
        residual(AlignedBuffer<float>::zeros(rows * network.stride)),
        strengths(network.at.features + product::kSlack),
        values(strengths.size()),
        indices(strengths.size()) {
    if (network.at.weights == ListaWeights::pair) sum = AlignedBuffer<float>::zeros(stride);
  }

  std::size_t panel, stride;
  AlignedBuffer<float> z, residual, sum;
  AlignedBuffer<float> strengths, values;
  AlignedBuffer<std::uint32_t> indices;
  std::vector<const float*> rows;
  std::vector<float> factors;
  std::vector<float> thresholds;  // of the entries that pass, where they differ
};

/// A layer's numbers for one sample.
struct Step {
  float threshold;
  std::size_t most;  // K
};

class Layers {
 public:
  Layers(const Network& network, ConstMatrix32 x)
      : network_(network),
        at_(network.at),
        x_(x),
        scratch_(network, x.rows),
        kernels_(*product::kernels(network.packed[0].isa())) {
    if (at_.weights == ListaWeights::hyper) first_sums_.resize(x.rows);
    overflow_.assign(x.rows, 0);
  }

  /// `residual`: where the layer's r goes too; without rows nowhere.
  void run(std::size_t layer, const Codes& before, const Codes& codes, Matrix32 residual, Codes& out) {
    multiply(layer, codes, residual);
    out.begin.assign(1, 0);
    out.index.clear();
    out.value.clear();
    out.kept.clear();
    for (std::size_t i = 0; i < x_.rows; ++i) {
      float* z = scratch_.z.data() + i * scratch_.stride;
      const Step step = at_.weights == ListaWeights::hyper ? hyper_step(layer, i, z) : given(layer);
      z = add(layer, i, before, codes, z);
      if (!reduce::table().all_finite(z, at_.features)) overflow_[i] = 1;
      for (const std::uint32_t j : network_.zeros) z[j] = 0;
      if (!overflow_[i]) shrink(step, z, i, codes, out);
      out.begin.push_back(static_cast<std::uint32_t>(out.index.size()));
    }
  }

  /// 1 for each row that overflows.
  const std::vector<std::uint8_t>& overflows() const { return overflow_; }

 private:
  /// The layer's dense product: W_k (γ_k r), V_k x'.
  void multiply(std::size_t layer, const Codes& codes, Matrix32 residual) {
    const Matrix32 z{scratch_.z.data(), x_.rows, at_.features, scratch_.stride};
    const Execution alone;
    if (at_.weights == ListaWeights::pair) return product::store(x_, network_.weights(layer), z, alone);
    const float step = at_.weights == ListaWeights::hyper ? 1 : at_.step[layer];
    if (layer == 0 && step == 1) return product::store(x_, network_.weights(layer), z, alone);
    const Matrix32 own{scratch_.residual.data(), x_.rows, at_.dims, network_.stride};
    const Matrix32 r = residual.rows > 0 ? residual : own;
    residuals(network_, x_, codes, r);
    if (step == 1) return product::store(ConstMatrix32(r), network_.weights(layer), z, alone);
    for (std::size_t i = 0; i < x_.rows; ++i)
      for (std::size_t d = 0; d < at_.dims; ++d) own.row(i)[d] = step * r.row(i)[d];
    product::store(ConstMatrix32(own), network_.weights(layer), z, alone);
  }

  Step given(std::size_t layer) const {
    return {at_.threshold[layer], most_selected(at_.selection[layer], at_.features)};
  }

  /// z holds W r: what the sample's threshold and selection follow from.
  Step hyper_step(std::size_t layer, std::size_t i, const float* z) {
    double sums[4] = {};  // ‖A⁺r‖₁
    const double* leverage = network_.leverage.data();
    std::size_t j = 0;
    for (; j + 4 <= at_.features; j += 4)
      for (std::size_t lane = 0; lane < 4; ++lane)
        sums[lane] += leverage[j + lane] * std::fabs(static_cast<double>(z[j + lane]));
    for (; j < at_.features; ++j) sums[0] += leverage[j] * std::fabs(static_cast<double>(z[j]));
    const double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    if (layer == 0) first_sums_[i] = sum;
    return {static_cast<float>(std::max(0.0, at_.hyper[0] * sum)), hyper_most(first_sums_[i], sum)};
  }

  /// K of a sample: c₃·log(‖A⁺x'‖₁/‖A⁺r‖₁) of the entries. No number where r is 0 and c₃ too, or where the sample overflows: then none.
  std::size_t hyper_most(double first_sum, double sum) const {
    const float ratio =
        sum > 0 ? static_cast<float>(first_sum / sum) : std::numeric_limits<float>::infinity();
    const double share = at_.hyper[2] * static_cast<double>(logf(ratio));
    if (!(share > 0)) return 0;
    return static_cast<std::size_t>(std::min(share, 1.0) * static_cast<double>(at_.features));
  }

  /// What the codes before add to z; answers where the sum is.
  float* add(std::size_t layer, std::size_t i, const Codes& before, const Codes& codes, float* z) {
    if (codes.samples() == 0) return z;
    const std::size_t first = codes.begin[i], count = codes.count(i);
    if (at_.weights == ListaWeights::pair) {
      if (count == 0) return z;
      scratch_.rows.clear();
      scratch_.factors.clear();
      const float* matrix = at_.recurrent.data() + layer * at_.features * at_.features;
      for (std::size_t e = first; e < first + count; ++e) {
        scratch_.rows.push_back(matrix + codes.index[e] * at_.features);
        scratch_.factors.push_back(-codes.value[e]);
      }
      sparse_rows::table().residual32(z, scratch_.rows.data(), scratch_.factors.data(), count, at_.features,
                                      scratch_.sum.data());
      return scratch_.sum.data();
    }
    float momentum = 0;
    if (at_.weights == ListaWeights::hyper)
      momentum = static_cast<float>(at_.hyper[1] * static_cast<double>(count));
    for (std::size_t e = first; e < first + count; ++e) z[codes.index[e]] += (1 + momentum) * codes.value[e];
    if (at_.weights == ListaWeights::hyper && before.samples() > 0)
      for (std::size_t e = before.begin[i]; e < before.begin[i + 1]; ++e)
        z[before.index[e]] -= momentum * before.value[e];
    return z;
  }

  /// The entries of z with strength > floor, ascending.
  product::Candidates above(const float* z, float floor) {
    product::Candidates found{scratch_.strengths.data(), scratch_.values.data(), scratch_.indices.data(), 0,
                              floor};
    for (std::size_t j = 0; j < at_.features; j += scratch_.panel)
      kernels_.filter(z + j, 1, std::min(scratch_.panel, at_.features - j), nullptr, at_.nonnegative,
                      static_cast<std::uint32_t>(j), &found);
    return found;
  }

  float strength(float z) const { return at_.nonnegative ? z : std::fabs(z); }

  /// The (K + 1)-th largest of some strengths, of which there are more than K; brings them into another order.
  static float next_largest(float* strengths, std::size_t count, std::size_t most) {
    std::nth_element(strengths, strengths + most, strengths + count, std::greater<float>());
    return strengths[most];
  }

  /// a = η(z) of one sample, behind those that are there.
  void shrink(const Step& step, const float* z, std::size_t i, const Codes& codes, Codes& out) {
    const std::size_t first = out.index.size();
    const auto adaptive = static_cast<float>(at_.adaptive);
    const bool adapts = adaptive > 0 && codes.samples() > 0;
    product::Candidates found = above(z, step.threshold);
    std::vector<float>& thresholds = scratch_.thresholds;
    if (!adapts) {
      out.index.insert(out.index.end(), found.indices, found.indices + found.count);
      out.value.insert(out.value.end(), found.values, found.values + found.count);
    } else {
      // Thresholds of active entries are lower: these are looked at one by one.
      thresholds.clear();
      std::size_t next = 0;
      const auto take = [&](std::uint32_t j, float threshold) {
        out.index.push_back(j);
        out.value.push_back(z[j]);
        thresholds.push_back(threshold);
      };
      for (std::size_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e) {
        const std::uint32_t j = codes.index[e];
        for (; next < found.count && found.indices[next] < j; ++next)
          take(found.indices[next], step.threshold);
        if (next < found.count && found.indices[next] == j) ++next;
        const float threshold = threshold_of(step.threshold, adaptive, codes.value[e]);
        if (strength(z[j]) > threshold) take(j, threshold);
      }
      for (; next < found.count; ++next) take(found.indices[next], step.threshold);
    }
    const std::size_t count = out.index.size() - first;
    const float limit = selection_limit(step, z, out.value.data() + first, count, adapts);
    out.kept.resize(out.value.size());
    float* values = out.value.data() + first;
    std::uint8_t* kept = out.kept.data() + first;
    // Without branches: signs are as good as random.
    for (std::size_t e = 0; e < count; ++e) {
      kept[e] = strength(values[e]) > limit ? 1 : 0;
      const float threshold = adapts ? thresholds[e] : step.threshold;
      values[e] -= std::copysign(kept[e] ? 0.0f : threshold, values[e]);
    }
  }

  /// Entries with strength above this are selected.
  float selection_limit(const Step& step, const float* z, const float* values, std::size_t count,
                        bool adapts) {
    constexpr float kNobody = std::numeric_limits<float>::infinity(), kEverybody = -1;
    if (step.most == 0) return kNobody;
    if (count == 0 || (count <= step.most && !adapts)) return kEverybody;
    float* strengths = scratch_.strengths.data();
    for (std::size_t e = 0; e < count; ++e) strengths[e] = strength(values[e]);
    const float limit = count > step.most ? next_largest(strengths, count, step.most)
                                          : *std::min_element(strengths, strengths + count);
    // All entries above the common threshold pass; of weaker ones some do not, and yet count.
    if (!adapts || limit > step.threshold) return count > step.most ? limit : kEverybody;
    const product::Candidates all = above(z, std::nextafter(limit, 0.0f));
    return all.count > step.most ? next_largest(all.strengths, all.count, step.most) : kEverybody;
  }

  const Network& network_;
  const ListaParameters& at_;
  ConstMatrix32 x_;
  Scratch scratch_;
  const product::Kernels& kernels_;
  std::vector<double> first_sums_;  // ‖A⁺x'‖₁; hyper only
  std::vector<std::uint8_t> overflow_;
};

}  // namespace

std::size_t most_selected(float percent, std::size_t features) {
  const double entries = static_cast<double>(percent) / 100 * static_cast<double>(features);
  return std::min(features, static_cast<std::size_t>(entries * (1 + 0x1.0p-23)));
}

Status make_network(ListaParameters parameters, const Execution& execution, Network& out) {
  if (Status status = check(parameters); !status.ok()) return status;
  Network made;
  const ListaParameters& p = made.at = std::move(parameters);
  const ConstMatrix32 given{p.dictionary.data(), p.features, p.dims};
  made.stride = round_up(p.dims, kCacheLine / sizeof(float));
  made.atoms = AlignedBuffer<float>::zeros(p.features * made.stride);
  made.norms.resize(p.features);
  for (std::size_t j = 0; j < p.features; ++j) {
    const double norm = std::sqrt(reduce::table().squared_norm(given.row(j), p.dims));
    made.norms[j] = norm;
    if (norm == 0) {
      made.zeros.push_back(static_cast<std::uint32_t>(j));
      continue;
    }
    float* atom = made.atoms.data() + j * made.stride;
    for (std::size_t d = 0; d < p.dims; ++d)
      atom[d] = static_cast<float>(static_cast<double>(given.row(j)[d]) / norm);
  }
  for (std::size_t first = 0; first < p.forward.size(); first += p.features * p.dims)
    made.packed.emplace_back(ConstMatrix32{p.forward.data() + first, p.features, p.dims});
  if (p.weights == ListaWeights::hyper)
    if (Status status = analytic(given, made.norms, p.ridge, execution, made.leverage, nullptr); !status.ok())
      return status;
  if (execution.cancelled()) return Status::cancelled();
  out = std::move(made);
  return {};
}

std::size_t block_rows(const Network&) {
  // Whole tiles of every level (6, 4 and 3 rows). Enough that weights from the last cache are read in less time than they multiply; few enough
  // that a batch of some hundred samples makes blocks for several threads.
  return 48;
}

void residuals(const Network& network, ConstMatrix32 x, const Codes& codes, Matrix32 out) {
  for (std::size_t i = 0; i < x.rows; ++i) std::copy_n(x.row(i), network.at.dims, out.row(i));
  // Whole registers where there is room.
  const std::size_t width = out.stride >= network.stride ? network.stride : network.at.dims;
  std::vector<const float*> rows(codes.index.size());
  for (std::size_t e = 0; e < rows.size(); ++e)
    rows[e] = network.atoms.data() + codes.index[e] * network.stride;
  by_features(codes, network.at.features, network.stride,
              [&](std::size_t i, std::size_t e, std::size_t count) {
                sparse_rows::table().residual32(out.row(i), rows.data() + e, codes.value.data() + e, count,
                                                width, out.row(i));
              });
}

std::size_t run_layers(const Network& network, ConstMatrix32 x, std::size_t layers, Codes& out, Trace* trace,
                       std::vector<std::uint8_t>* overflows) {
  Layers run(network, x);
  Codes before, now, next;
  if (trace) trace->codes.resize(layers);
  for (std::size_t k = 0; k < layers; ++k) {
    cancellation::point();
    const bool kept = trace && k > 0 && k <= trace->residuals.size();
    run.run(k, before, now, kept ? trace->residuals[k - 1] : Matrix32{}, next);
    if (trace) trace->codes[k] = next;
    std::swap(before, now);
    std::swap(now, next);
  }
  if (trace && layers <= trace->residuals.size()) residuals(network, x, now, trace->residuals[layers - 1]);
  out = std::move(now);
  const std::vector<std::uint8_t>& found = run.overflows();
  if (overflows) *overflows = found;
  return static_cast<std::size_t>(std::find(found.begin(), found.end(), 1) - found.begin());
}

}  // namespace unsuperpose::lista
