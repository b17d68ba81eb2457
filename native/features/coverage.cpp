// Flags: split conformal prediction (Vovk, Gammerman & Shafer 2005, "Algorithmic learning in a random world",
// §2; Lei et al. 2018, "Distribution-free predictive inference for regression", §2.2). With calibration
// scores s_1 … s_n,
//   p(x) = (1 + #{i : s_i ≥ s(x)}) / (n + 1)
// has P(p ≤ α) ≤ α for every x that is exchangeable with the calibration samples, whatever their
// distribution.
//
// Directions: samples and calibration samples are split in halves, A and B, C and C′. Directions are sought
// in A's flagged samples (their threshold is C's), and each is tested on B against C′, which it does not
// depend on: under the hypothesis that it is as frequent in the one as in the other, the samples of B that
// have more of it than the k-th of C′ are as many as exchangeable numbers have by chance, which is an exact
// probability. The test of the next direction is made only if the last was significant, so that the
// probability of claiming any direction where there is none is at most the significance (a fixed sequence:
// Maurer, Hothorn & Lehmacher 1995).
#include "coverage.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "../core/random.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "residuals.hpp"

namespace unsuperpose {

namespace {

constexpr std::uint64_t kSeed =
    0x636f766572;  // of the halves: any will do, it must only be the same every time
/// Flagged samples that directions are sought in, at most: the strongest.
constexpr std::size_t kMostSought = 1024;
/// A direction's threshold is passed by one in so many calibration samples.
constexpr std::size_t kOneIn = 1000;
/// Refining on all samples may not lead further from the direction that was tested, nor as near to another.
constexpr double kSameDirection = 0.9;

using Indices = std::vector<std::uint32_t>;

/// The rank-th largest
double largest(std::vector<double> values, std::size_t rank) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), place, values.end(), std::greater<>());
  return values[rank - 1];
}

std::size_t above(const std::vector<double>& values, double threshold) {
  const auto passes = [&](double value) { return value > threshold; };
  return static_cast<std::size_t>(std::count_if(values.begin(), values.end(), passes));
}

std::pair<Indices, Indices> halves(std::size_t count, std::uint64_t seed) {
  Indices order(count);
  std::iota(order.begin(), order.end(), 0u);
  Random(seed).shuffle(order.data(), count);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>((count + 1) / 2);
  std::pair<Indices, Indices> split{{order.begin(), middle}, {middle, order.end()}};
  std::sort(split.first.begin(), split.first.end());
  std::sort(split.second.begin(), split.second.end());
  return split;
}

std::size_t rank_of(double rate, std::size_t count) {
  return static_cast<std::size_t>(rate * static_cast<double>(count + 1));
}

DirectionOptions directions_of(const CoverageOptions& options) {
  return {options.lambda, options.ridge, options.nonnegative, options.tolerance};
}

class Survey {
 public:
  Survey(ConstMatrix32 samples, ConstMatrix32 calibration, const Dictionary& dictionary,
         const CoverageOptions& options, const Execution& execution, Coverage& out)
      : options_(options),
        execution_(execution),
        out_(out),
        dictionary_(dictionary),
        sought_(dictionary, directions_of(options), execution),
        samples_(samples),
        calibration_(calibration) {}

  Status run() {
    execution_.set_total(2 * samples_.rows + calibration_.rows);
    std::vector<double> energy;
    const DirectionOptions unfolding = directions_of(options_);
    Status status = residuals(samples_, options_.codes, dictionary_, unfolding, execution_, sample_residuals_,
                              out_.energy);
    if (status.ok())
      status = residuals(calibration_, options_.calibration_codes, dictionary_, unfolding, execution_,
                         calibration_residuals_, energy);
    if (!status.ok()) return status;
    flag(energy);
    if (options_.most_directions > 0) status = seek();
    if (!status.ok()) return status;
    execution_.advance(samples_.rows);
    return execution_.cancelled() ? Status::cancelled() : Status{};
  }

 private:
  static double share(double energy, const float* x, std::size_t dims) {
    const double whole = reduce::table().squared_norm(x, dims);
    return whole > 0 ? energy / whole : 0;
  }

  void flag(const std::vector<double>& calibration_energy) {
    const std::size_t count = samples_.rows, calibrated = calibration_.rows, dims = samples_.cols;
    out_.unexplained.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      out_.unexplained[i] = share(out_.energy[i], samples_.row(i), dims);
    scores_ = options_.relative ? out_.unexplained : out_.energy;
    calibration_scores_ = calibration_energy;
    if (options_.relative)
      for (std::size_t i = 0; i < calibrated; ++i)
        calibration_scores_[i] = share(calibration_energy[i], calibration_.row(i), dims);
    std::vector<double> sorted = calibration_scores_;
    std::sort(sorted.begin(), sorted.end());
    out_.threshold = sorted[calibrated - rank_of(options_.false_alarm_rate, calibrated)];
    out_.p_value.resize(count);
    out_.flagged.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto least = std::lower_bound(sorted.begin(), sorted.end(), scores_[i]);
      out_.p_value[i] = static_cast<double>(1 + (sorted.end() - least)) / static_cast<double>(calibrated + 1);
      out_.flagged[i] = scores_[i] > out_.threshold;
    }
  }

  /// Those of `candidates` that score above `threshold`, strongest first.
  Indices flagged_among(const Indices& candidates, double threshold) const {
    Indices found;
    for (const std::uint32_t i : candidates)
      if (scores_[i] > threshold) found.push_back(i);
    const auto stronger = [&](std::uint32_t a, std::uint32_t b) { return scores_[a] > scores_[b]; };
    std::stable_sort(found.begin(), found.end(), stronger);
    if (found.size() > kMostSought) found.resize(kMostSought);
    return found;
  }

  Status seek() {
    const auto [a, b] = halves(samples_.rows, kSeed);
    const auto [c, c_other] = halves(calibration_.rows, kSeed + 1);
    if (b.empty() || c_other.empty()) return {};
    std::vector<double> scores;
    for (const std::uint32_t i : c) scores.push_back(calibration_scores_[i]);
    const std::size_t alarm = std::max<std::size_t>(1, rank_of(options_.false_alarm_rate, c.size()));
    const Group found = group(samples_, sample_residuals_, flagged_among(a, largest(scores, alarm)));
    const Group test = group(samples_, sample_residuals_, b);
    const Group against = group(calibration_, calibration_residuals_, c_other);
    const std::size_t rank = 1 + c_other.size() / kOneIn;
    Directions accepted;
    Status status;
    while (status.ok() && accepted.size() < options_.most_directions) {
      Directions tried = accepted;
      status = sought_.extend(found, tried);
      if (!status.ok() || tried.size() == accepted.size()) break;
      std::vector<std::vector<double>> of_test, of_against;
      status = sought_.contents(test, tried, accepted.size(), of_test);
      if (status.ok()) status = sought_.contents(against, tried, accepted.size(), of_against);
      if (!status.ok()) break;
      const std::size_t more = above(of_test.back(), largest(of_against.back(), rank));
      const double p = exceedance_p_value(against.rows, test.rows, rank, more);
      if (!(p <= options_.significance)) break;
      out_.significance.push_back(p);
      accepted = std::move(tried);
      status = sought_.refine(found, accepted.size(), accepted);
    }
    return status.ok() && !accepted.empty() ? report(std::move(accepted), against, rank) : status;
  }

  /// The directions, refined on all samples, and what there is of them.
  Status report(Directions directions, const Group& against, std::size_t rank) {
    Indices all(samples_.rows);
    std::iota(all.begin(), all.end(), 0u);
    const Directions tested = directions;
    const Group flagged = group(samples_, sample_residuals_, flagged_among(all, out_.threshold));
    Status status = sought_.refine(flagged, directions.size(), directions);
    if (!status.ok()) return status;
    const auto cosine = [&](std::size_t t, const std::vector<float>& other) {
      return std::fabs(dots::table().dot(directions[t].data(), other.data(), samples_.cols));
    };
    for (std::size_t t = 0; t < directions.size(); ++t) {
      bool stays = cosine(t, tested[t]) > kSameDirection;
      for (std::size_t s = 0; s < t; ++s) stays = stays && cosine(t, directions[s]) < kSameDirection;
      if (!stays) directions[t] = tested[t];
    }
    std::vector<std::vector<double>> contents, ordinary;
    const Group everything = group(samples_, sample_residuals_, all);
    status = sought_.contents(everything, directions, directions.size(), contents);
    if (status.ok()) status = sought_.contents(against, directions, directions.size(), ordinary);
    if (!status.ok()) return status;
    for (std::size_t t = 0; t < directions.size(); ++t) {
      const double threshold = largest(ordinary[t], rank);
      double squared = 0;
      std::uint32_t count = 0;
      for (const double content : contents[t])
        if (content > threshold) {
          ++count;
          squared += content * content;
        }
      out_.samples.push_back(count);
      out_.strength.push_back(count > 0 ? std::sqrt(squared / count) : 0);
      out_.directions.insert(out_.directions.end(), directions[t].begin(), directions[t].end());
      find_nearest(directions[t]);
    }
    return {};
  }

  void find_nearest(const std::vector<float>& direction) {
    std::uint32_t nearest = 0;
    double most = -2, found = 0;
    for (std::size_t j = 0; j < dictionary_.features(); ++j) {
      if (dictionary_.norm(j) == 0) continue;
      const double along = dots::table().dot(dictionary_.atom(j), direction.data(), dictionary_.dims());
      const double cosine = along / dictionary_.norm(j);
      const double size = options_.nonnegative ? cosine : std::fabs(cosine);
      if (size > most) {
        most = size;
        found = cosine;
        nearest = static_cast<std::uint32_t>(j);
      }
    }
    out_.nearest.push_back(nearest);
    out_.cosine.push_back(std::clamp(found, -1.0, 1.0));
  }

  const CoverageOptions& options_;
  const Execution& execution_;
  Coverage& out_;
  const Dictionary& dictionary_;
  DirectionLearner sought_;
  ConstMatrix32 samples_, calibration_;
  AlignedBuffer<float> sample_residuals_, calibration_residuals_;
  std::vector<double> scores_, calibration_scores_;
};

}  // namespace

double exceedance_p_value(std::size_t calibrated, std::size_t tested, std::size_t rank, std::size_t count) {
  const double n = static_cast<double>(calibrated), m = static_cast<double>(tested),
               k = static_cast<double>(rank);
  // P(J = j) = C(j + k − 1, j) C(m − j + n − k, m − j) / C(m + n, m), from j = 0 upwards.
  double probability = 1;
  for (double i = 0; i < k; ++i) probability *= (n - i) / (n + m - i);
  double tail = count == 0 ? probability : 0;
  for (std::size_t j = 0; j < tested; ++j) {
    const double at = static_cast<double>(j);
    probability *= (at + k) / (at + 1) * ((m - at) / (m - at + n - k));
    if (j + 1 >= count) tail += probability;
  }
  if (count == 0) return 1;
  return std::clamp(tail, std::numeric_limits<double>::min(), 1.0);
}

Status cover(ConstMatrix32 samples, ConstMatrix32 calibration, const Dictionary& dictionary,
             const CoverageOptions& options, const Execution& execution, Coverage& out) {
  return Survey(samples, calibration, dictionary, options, execution, out).run();
}

}  // namespace unsuperpose
