// Sparse features of toy models (Elhage et al. 2022): feature i is 0 but with probability p_i, then uniform on (0, 1] or
// lognormal. Features may be active together (one draw decides for a group, "correlated"), one at a time ("anticorrelated"),
// or only where their parent is. Every sample is a hash of seed, instance, step and its place, so that samples can be drawn in any
// order, on any number of threads, with the same bits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/index.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../kernels/draw/draw.hpp"

namespace unsuperpose {

struct ToyFeatures {
  std::vector<double> density;       // p_i in [0, 1], one a feature: of all samples, also for children
  std::vector<std::uint32_t> group;  // one a feature, or kNone
  std::vector<std::uint8_t>
      exclusive;  // one a group: its densities sum to at most 1, and only one of it is active
  std::vector<std::uint32_t> parent;  // one a feature, or kNone; at least as dense; not with a group
  bool lognormal = false;             // magnitudes exp(location + scale·z), z standard normal
  double location = 0, scale = 1;
};

class ToySampler {
 public:
  /// Fails for parents that go in a circle.
  static Status make(const ToyFeatures& features, std::uint64_t seed, std::uint32_t instance,
                     ToySampler& out);

  /// Draws the samples first … first + kPanel − 1 of a step, all after the first `valid` of them zero. Bit s of active[i] says
  /// whether x[i][s] > 0. first is a multiple of kPanel.
  void panel(std::uint64_t step, std::uint32_t first, std::size_t valid, float* x,
             std::uint32_t* active) const;

  std::size_t features() const { return draws_.size(); }

 private:
  struct Value {
    std::uint32_t feature;
    draw::Draw draws[2];
  };
  struct Child {
    std::uint32_t feature, parent;
  };

  std::vector<draw::Draw> draws_;
  std::vector<Value> values_;    // features whose magnitude is a draw of its own
  std::vector<Child> children_;  // parents before their children
  bool lognormal_ = false;
  float location_ = 0, scale_ = 1;
  std::uint64_t key_ = 0;
};

/// sampleFeatures and training draw the same: samples 1024·t … 1024·t + 1023 are the batch of instance 0 at step t.
inline constexpr std::size_t kSamplesAStep = 1024;

/// out: samples × features
Status sample_features(const ToyFeatures& features, std::uint64_t seed, const Execution& execution,
                       Matrix32 out);
Status sample_features(const ToyFeatures& features, std::uint64_t seed, std::size_t samples,
                       const Execution& execution, SparseCodes& out);

}  // namespace unsuperpose
