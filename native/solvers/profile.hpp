// Where a solve's time goes, for the benchmarks: seconds of all threads together, by stage.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace unsuperpose {

enum class Stage : std::uint8_t {
  score,     // the selecting product over all atoms, with the rounding of residuals
  rescore,   // exact correlations of what low precision left open, and of new atoms
  gram,      // Gram matrices of working sets
  solve,     // the inner solver
  residual,  // residuals and their float64 sums
  certify,   // sorting out the scores, exact correlations of the working set, the duality gap
};
inline constexpr std::size_t kStages = 6;

class Profile {
 public:
  void add(Stage stage, std::uint64_t nanoseconds) {
    nanoseconds_[static_cast<std::size_t>(stage)].fetch_add(nanoseconds, std::memory_order_relaxed);
  }
  double seconds(Stage stage) const {
    return 1e-9 *
           static_cast<double>(nanoseconds_[static_cast<std::size_t>(stage)].load(std::memory_order_relaxed));
  }

 private:
  std::array<std::atomic<std::uint64_t>, kStages> nanoseconds_{};
};

/// Counts the time of its scope towards a stage; does nothing without a profile.
class StageTimer {
 public:
  StageTimer(Profile* profile, Stage stage) : profile_(profile), stage_(stage) {
    if (profile_) start_ = std::chrono::steady_clock::now();
  }
  ~StageTimer() {
    if (!profile_) return;
    const auto spent = std::chrono::steady_clock::now() - start_;
    profile_->add(stage_, static_cast<std::uint64_t>(
                              std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count()));
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  Profile* profile_;
  Stage stage_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace unsuperpose
