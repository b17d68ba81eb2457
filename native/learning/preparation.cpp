#include "preparation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unsuperpose {

namespace {

/// Partial sums that a pass keeps: one a block of rows, whose height depends on the number of rows alone.
constexpr std::size_t kMostBlocks = 256;
constexpr std::size_t kLeastRows = 64;
constexpr std::size_t kMovedValues = 1 << 16;

std::size_t height_of(std::size_t rows) {
  return std::max(kLeastRows, (rows + kMostBlocks - 1) / kMostBlocks);
}

/// Σ(x_k − y_k)², four chains.
template <class T>
double squared_distance(const T* x, const double* y, std::size_t n) {
  double sum[4] = {};
  for (std::size_t k = 0; k < n; ++k) {
    const double difference = static_cast<double>(x[k]) - y[k];
    sum[k % 4] += difference * difference;
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// What the median's iteration asks of the samples at a point y.
struct Pull {
  std::vector<double> weighted;  // Σ x_i / ‖x_i − y‖ over samples that are not y
  double weight = 0;             // Σ 1 / ‖x_i − y‖
  double objective = 0;          // Σ ‖x_i − y‖
  double here = 0;               // samples that are y
  double nearest = std::numeric_limits<double>::infinity();
  std::size_t nearest_at = 0;

  explicit Pull(std::size_t dims = 0) : weighted(dims, 0) {}
  void add(const Pull& other) {
    for (std::size_t k = 0; k < weighted.size(); ++k) weighted[k] += other.weighted[k];
    weight += other.weight;
    objective += other.objective;
    here += other.here;
    if (other.nearest < nearest) {
      nearest = other.nearest;
      nearest_at = other.nearest_at;
    }
  }
  /// ‖Σ (x_i − y) / ‖x_i − y‖‖
  double strength(const std::vector<double>& y) const {
    double sum = 0;
    for (std::size_t k = 0; k < y.size(); ++k) {
      const double pull = weighted[k] - weight * y[k];
      sum += pull * pull;
    }
    return std::sqrt(sum);
  }
};

template <class T>
class Finder {
 public:
  Finder(MatrixView<const T> samples, const Execution& execution, Preparation& out)
      : samples_(samples), execution_(execution), out_(out) {}

  void mean() {
    const auto sums = pass<std::vector<double>>(
        std::vector<double>(samples_.cols, 0),
        [&](std::size_t i, std::vector<double>& sum) {
          const T* row = samples_.row(i);
          for (std::size_t k = 0; k < samples_.cols; ++k) sum[k] += static_cast<double>(row[k]);
        },
        [](std::vector<double>& all, const std::vector<double>& some) {
          for (std::size_t k = 0; k < all.size(); ++k) all[k] += some[k];
        });
    out_.center = sums;
    for (double& c : out_.center) c /= static_cast<double>(samples_.rows);
  }

  void median() {
    mean();
    std::vector<double>& y = out_.center;
    Pull pull = pull_at(y);
    for (std::uint32_t next_try = 8; !settled(pull, y) && out_.iterations < kMedianPasses;) {
      if (execution_.cancelled()) return;
      if (out_.iterations >= next_try) {
        next_try *= 2;
        if (try_sample(pull, y)) continue;
      }
      step(pull, y);
      pull = pull_at(y);
    }
  }

  /// Σ‖x − center‖² / rows
  double mean_square() {
    const double sum = pass<double>(
        0.0,
        [&](std::size_t i, double& part) {
          part += squared_distance(samples_.row(i), out_.center.data(), samples_.cols);
        },
        [](double& all, double some) { all += some; });
    return sum / static_cast<double>(samples_.rows);
  }

 private:
  template <class Part, class Each, class Join>
  Part pass(const Part& zero, const Each& each, const Join& join) const {
    const std::size_t rows = samples_.rows, height = height_of(rows);
    std::vector<Part> parts((rows + height - 1) / height, zero);
    execution_.for_each(parts.size(), [&](std::size_t block) {
      for (std::size_t i = block * height; i < std::min(rows, (block + 1) * height); ++i)
        each(i, parts[block]);
    });
    Part all = zero;
    for (const Part& part : parts) join(all, part);
    return all;
  }

  Pull pull_at(const std::vector<double>& y) const {
    ++out_.iterations;
    return pass<Pull>(
        Pull(samples_.cols),
        [&](std::size_t i, Pull& part) {
          const T* row = samples_.row(i);
          const double distance = std::sqrt(squared_distance(row, y.data(), samples_.cols));
          if (distance == 0) {
            part.here += 1;
            return;
          }
          const double weight = 1 / distance;
          for (std::size_t k = 0; k < samples_.cols; ++k)
            part.weighted[k] += static_cast<double>(row[k]) * weight;
          part.weight += weight;
          part.objective += distance;
          if (distance < part.nearest) {
            part.nearest = distance;
            part.nearest_at = i;
          }
        },
        [](Pull& all, const Pull& some) { all.add(some); });
  }

  bool settled(const Pull& pull, const std::vector<double>& y) const {
    out_.bound = 2 * std::max(0.0, pull.strength(y) - pull.here) / static_cast<double>(samples_.rows);
    return out_.bound <= kMedianTolerance;
  }

  /// Moves to the sample nearest to y if that is no worse.
  bool try_sample(Pull& pull, std::vector<double>& y) const {
    if (!std::isfinite(pull.nearest)) return false;
    const T* row = samples_.row(pull.nearest_at);
    std::vector<double> sample(samples_.cols);
    for (std::size_t k = 0; k < sample.size(); ++k) sample[k] = static_cast<double>(row[k]);
    Pull there = pull_at(sample);
    if (!(there.objective <= pull.objective)) return false;
    y = std::move(sample);
    pull = std::move(there);
    return true;
  }

  void step(const Pull& pull, std::vector<double>& y) const {
    const double strength = pull.strength(y);
    const double stays = pull.here == 0 ? 0 : std::min(1.0, pull.here / strength);
    for (std::size_t k = 0; k < y.size(); ++k)
      y[k] = (1 - stays) * (pull.weighted[k] / pull.weight) + stays * y[k];
  }

  MatrixView<const T> samples_;
  const Execution& execution_;
  Preparation& out_;
};

}  // namespace

template <class T>
Status find_preparation(MatrixView<const T> samples, const PreparationOptions& options,
                        const Execution& execution, Preparation& out) {
  out = {};
  out.center = options.center;
  out.scale = options.scale;
  if (options.origin != Origin::given) out.center.assign(samples.cols, 0);
  if (samples.rows == 0 || samples.cols == 0) return {};
  Finder<T> finder(samples, execution, out);
  if (options.origin == Origin::mean) finder.mean();
  if (options.origin == Origin::median) finder.median();
  if (options.size != Size::given && !execution.cancelled()) {
    const double square = finder.mean_square();
    const double wanted = options.size == Size::dims ? static_cast<double>(samples.cols) : 1;
    // Where all samples are the center there is nothing to scale.
    out.scale = square > 0 ? std::sqrt(wanted / square) : 1;
  }
  return execution.cancelled() ? Status::cancelled() : Status{};
}

template <class T>
void move_rows(MatrixView<const T> from, const double* center, double scale, bool back, MatrixView<T> to,
               const Execution& execution) {
  const std::size_t together = std::max<std::size_t>(1, kMovedValues / std::max<std::size_t>(1, from.cols));
  execution.for_items(from.rows, together, [&](std::size_t i) {
    const T* x = from.row(i);
    T* z = to.row(i);
    if (back)
      for (std::size_t k = 0; k < from.cols; ++k)
        z[k] = static_cast<T>(static_cast<double>(x[k]) / scale + center[k]);
    else
      for (std::size_t k = 0; k < from.cols; ++k)
        z[k] = static_cast<T>((static_cast<double>(x[k]) - center[k]) * scale);
  });
}

template Status find_preparation(MatrixView<const float>, const PreparationOptions&, const Execution&,
                                 Preparation&);
template Status find_preparation(MatrixView<const double>, const PreparationOptions&, const Execution&,
                                 Preparation&);
template void move_rows(MatrixView<const float>, const double*, double, bool, MatrixView<float>,
                        const Execution&);
template void move_rows(MatrixView<const double>, const double*, double, bool, MatrixView<double>,
                        const Execution&);

}  // namespace unsuperpose
