#include "synthetic.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "../core/cancellation.hpp"
#include "../core/index.hpp"
#include "../core/random.hpp"
#include "../core/sums.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "nearly_orthogonal.hpp"
#include "random_directions.hpp"

namespace unsuperpose {

namespace {

constexpr double kHalfRoot = 0.70710678118654752;  // 1/√2
/// A correlation matrix keeps this much of its diagonal.
constexpr double kMostShared = 0.99;
/// Samples that one thread draws at a time.
constexpr std::size_t kTogether = 32;

/// What random numbers are for: each purpose has keys of its own.
enum class Purpose : std::uint64_t {
  factors = 1,
  deviations,
  bias,
  dictionary,
  samples,
  magnitude,
  survivor
};

std::uint64_t scramble(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t key_of(std::uint64_t key, Purpose purpose, std::uint64_t index = 0) {
  return scramble(scramble(key ^ static_cast<std::uint64_t>(purpose) << 56) + index);
}

/// 32 bits of a sample's key and a feature: lowbias32 (Wellons 2018) twice, a key before each.
std::uint32_t hash32(std::uint64_t key, std::uint32_t index) {
  const auto round = [](std::uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
  };
  return round(round(index * 0x9e3779b9u + static_cast<std::uint32_t>(key)) ^
               static_cast<std::uint32_t>(key >> 32));
}

/// Q(v), the chance that a standard normal is above v.
double upper_tail(double v) { return 0.5 * std::erfc(v * kHalfRoot); }

/// v with Q(v) = p, by bisection.
double quantile(double p) {
  if (p <= 0) return std::numeric_limits<double>::infinity();
  if (p >= 1) return -std::numeric_limits<double>::infinity();
  double low = -40, high = 40;
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    (upper_tail(middle) > p ? low : high) = middle;
  }
}

/// Bounds of Q on a grid: Q(v) · 2³² is at most entry ⌊(v − kFrom)·kSteps⌋.
struct Tails {
  static constexpr float kFrom = -6, kSteps = 32;
  static constexpr int kCells = 12 * 32;
  std::array<std::uint32_t, kCells> bound;
  Tails() {
    for (int i = 0; i < kCells; ++i) {
      const double most = upper_tail(static_cast<double>(kFrom) + i / static_cast<double>(kSteps));
      bound[static_cast<std::size_t>(i)] =
          i == 0 ? ~std::uint32_t{0} : static_cast<std::uint32_t>(std::min(most * 0x1p32 + 1, 0x1p32 - 1));
    }
  }
};
const Tails& tails() {
  static const Tails made;
  return made;
}

}  // namespace

struct SyntheticModel::Scratch {
  std::vector<double> normals;
  std::vector<float> z, above;  // f_i·z of features that stand in a row
  std::vector<std::uint32_t> active, firing;
  std::vector<float> values;
};

Status SyntheticModel::make(const SyntheticOptions& options, const Execution& execution,
                            SyntheticModel& out) {
  const std::size_t n = options.features, dims = options.dims;
  out.options_ = options;
  out.options_.probability = {};
  out.options_.mean = {};
  out.rank_ = options.rank;
  out.mean_ = options.mean;
  out.key_ = key_of(options.seed, Purpose::samples);

  std::size_t level = std::min(options.roots, n);
  out.in_trees_ = level;
  out.parents_ = 0;
  for (std::size_t depth = 0; depth < options.depth && level > 0; ++depth) {
    out.parents_ = out.in_trees_;
    level = std::min(level * options.branching, n - out.in_trees_);
    out.in_trees_ += level;
  }

  Random random(key_of(options.seed, Purpose::deviations));
  for (std::size_t i = 0; i < n; ++i)
    out.deviation_.push_back(std::fabs(options.deviation + options.spread * random.normal()));

  random = Random(key_of(options.seed, Purpose::factors));
  std::vector<double> factor(n * options.rank), size(n, 0);
  for (double& entry : factor) entry = options.correlation * random.normal();
  for (std::size_t i = 0; i < n; ++i)
    size[i] = sums::squared_norm(factor.data() + i * options.rank, options.rank);
  const double largest = n == 0 ? 0 : *std::max_element(size.begin(), size.end());
  const double shrink = largest > kMostShared ? std::sqrt(kMostShared / largest) : 1;
  out.by_rank_ = AlignedBuffer<float>(options.rank * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t r = 0; r < options.rank; ++r)
      out.by_rank_.data()[r * n + i] = static_cast<float>(shrink * factor[i * options.rank + r]);
    out.threshold_.push_back(static_cast<float>(quantile(options.probability[i])));
    out.scale_.push_back(static_cast<float>(1 / std::sqrt(1 - shrink * shrink * size[i])));
  }

  out.bias_.assign(dims, 0);
  if (options.bias > 0) {
    random_directions(key_of(options.seed, Purpose::bias), execution, Matrix32(out.bias_.data(), 1, dims));
    for (float& entry : out.bias_) entry = static_cast<float>(options.bias * static_cast<double>(entry));
  }
  out.dictionary_ = AlignedBuffer<float>(n * dims);
  return nearly_orthogonal({key_of(options.seed, Purpose::dictionary), options.steps, options.rate},
                           execution, Matrix32(out.dictionary_.data(), n, dims));
}

std::size_t SyntheticModel::bytes() const {
  return dictionary_.bytes() + by_rank_.bytes() + features() * (2 * sizeof(float) + 2 * sizeof(double));
}

/// Children are numbered level by level in the order of their parents.
std::size_t SyntheticModel::children_of(std::size_t feature, std::size_t& first) const {
  if (feature >= parents_) return 0;
  first = std::min(options_.roots + feature * options_.branching, in_trees_);
  return std::min(options_.branching, in_trees_ - first);
}

bool SyntheticModel::fires(std::size_t feature, float above, std::uint64_t key) const {
  const float v = (threshold_[feature] - above) * scale_[feature];
  const std::uint32_t drawn = hash32(key, static_cast<std::uint32_t>(feature));
  const float cell =
      std::clamp((v - Tails::kFrom) * Tails::kSteps, 0.0f, static_cast<float>(Tails::kCells - 1));
  if (drawn > tails().bound[static_cast<std::size_t>(cell)]) return false;
  return (static_cast<double>(drawn) + 0.5) * 0x1p-32 < upper_tail(static_cast<double>(v));
}

double SyntheticModel::magnitude(std::size_t feature, std::uint64_t key) const {
  Random random(key_of(key, Purpose::magnitude, feature));
  return mean_[feature] + deviation_[feature] * random.normal();
}

/// Features that stand side by side and wait for nobody.
void SyntheticModel::draw_free(std::size_t from, std::size_t to, std::uint64_t key, Scratch& scratch) const {
  if (from >= to) return;
  scratch.above.assign(to - from, 0);
  float* above = scratch.above.data();
  for (std::size_t r = 0; r < rank_; ++r) {
    const float* factor = by_rank_.data() + r * features() + from;
    const float weight = scratch.z[r];
    for (std::size_t i = 0; i < to - from; ++i) above[i] += weight * factor[i];
  }
  for (std::size_t i = from; i < to; ++i) {
    if (!fires(i, above[i - from], key)) continue;
    const auto value = static_cast<float>(magnitude(i, key));
    if (!(value > 0)) continue;
    scratch.active.push_back(static_cast<std::uint32_t>(i));
    scratch.values.push_back(value);
  }
}

void SyntheticModel::draw_children(std::size_t parent, std::uint64_t key, Scratch& scratch) const {
  std::size_t first = 0;
  const std::size_t count = children_of(parent, first);
  scratch.firing.clear();
  for (std::size_t i = first; i < first + count; ++i) {
    float above = 0;
    for (std::size_t r = 0; r < rank_; ++r) above += scratch.z[r] * by_rank_.data()[r * features() + i];
    if (fires(i, above, key)) scratch.firing.push_back(static_cast<std::uint32_t>(i));
  }
  if (options_.exclusive && scratch.firing.size() > 1) {
    Random random(key_of(key, Purpose::survivor, parent));
    const std::uint32_t one = scratch.firing[random.below(scratch.firing.size())];
    scratch.firing.assign(1, one);
  }
  for (const std::uint32_t i : scratch.firing) {
    const auto value = static_cast<float>(magnitude(i, key));
    if (!(value > 0)) continue;
    scratch.active.push_back(i);
    scratch.values.push_back(value);
  }
}

void SyntheticModel::draw(std::uint64_t sample, Scratch& scratch) const {
  const std::uint64_t key = scramble(key_ + sample);
  Random random(key);
  scratch.z.resize(rank_);
  for (float& entry : scratch.z) entry = static_cast<float>(random.normal());
  scratch.active.clear();
  scratch.values.clear();
  draw_free(0, std::min(options_.roots, in_trees_), key, scratch);
  // Actives grow as their children are found, and stay in order.
  for (std::size_t at = 0; at < scratch.active.size(); ++at) draw_children(scratch.active[at], key, scratch);
  draw_free(in_trees_, features(), key, scratch);
}

Status SyntheticModel::sample(std::uint64_t first, const Execution& execution, Matrix32 out,
                              SparseCodes& codes) const {
  struct Part {
    std::vector<std::uint32_t> counts, indices;
    std::vector<float> values;
  };
  std::vector<Part> parts((out.rows + kTogether - 1) / kTogether);
  execution.set_total(out.rows);
  execution.for_each(parts.size(), [&](std::size_t block) {
    Part& part = parts[block];
    Scratch scratch;
    std::vector<float> negated;
    const std::size_t begin = block * kTogether, end = std::min(out.rows, begin + kTogether);
    for (std::size_t i = begin; i < end; ++i) {
      cancellation::point();
      draw(first + i, scratch);
      part.counts.push_back(static_cast<std::uint32_t>(scratch.active.size()));
      part.indices.insert(part.indices.end(), scratch.active.begin(), scratch.active.end());
      part.values.insert(part.values.end(), scratch.values.begin(), scratch.values.end());
      negated.clear();
      for (const float value : scratch.values) negated.push_back(-value);
      sparse_rows::table().residual(bias_.data(), scratch.active.data(), negated.data(), negated.size(),
                                    dictionary_.data(), out.cols, out.cols, out.row(i));
    }
    execution.advance(end - begin);
  });
  if (execution.cancelled()) return Status::cancelled();
  std::size_t entries = 0;
  for (const Part& part : parts) entries += part.indices.size();
  if (entries >= kNone)
    return Status::fail(Code::too_large, "the samples hold more than 2³² − 2 active features: take fewer");
  codes = {};
  codes.indptr.reserve(out.rows + 1);
  codes.indptr.push_back(0);
  codes.indices.reserve(entries);
  codes.values.reserve(entries);
  for (Part& part : parts) {
    for (const std::uint32_t count : part.counts) codes.indptr.push_back(codes.indptr.back() + count);
    codes.indices.insert(codes.indices.end(), part.indices.begin(), part.indices.end());
    codes.values.insert(codes.values.end(), part.values.begin(), part.values.end());
    part = {};
  }
  return {};
}

}  // namespace unsuperpose
