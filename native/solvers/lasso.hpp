// LASSO by working sets: the method of choice.
#pragma once
#include <algorithm>

#include "method.hpp"
#include "profile.hpp"

namespace unsuperpose {

struct Lasso final : Method, PenaltyOptions {
  std::shared_ptr<const SparseCodes> warm_start;  // one row a sample, or null
  bool float64 = false;                           // codes in float64, solved and certified in it
  bool wide = false;  // solved and certified so, with the data's low parts, whatever the codes are in
  std::shared_ptr<Profile> profile;  // where the time goes is added to it, or null

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  std::span<const double> lambdas() const override { return lambda; }
  bool in_float64() const override { return float64; }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
  Scaling scaling() const override { return ridge > 0 ? Scaling::common : Scaling::each; }
  std::span<const float> feature_weights() const override { return weights; }
  std::shared_ptr<Method> rescaled(const Range& range) const override { return rescaled_of(*this, range); }
  double tolerance_of_gap() const override { return tolerance; }
  std::optional<Penalty> penalty() const override { return Penalty{weights, ridge, nonnegative}; }
  bool refines() const override { return true; }
  bool limited_by_caller() const override { return max_iterations > 0; }
  const SparseCodes* starts_from() const override { return warm_start.get(); }
  const Profile* profiled() const override { return profile.get(); }
  std::shared_ptr<Method> step(std::vector<double> to,
                               std::shared_ptr<const SparseCodes> from) const override {
    return step_of(*this, std::move(to), std::move(from));
  }
  std::shared_ptr<Method> narrowed(const Narrowing& to) const override { return narrowed_of(*this, to); }
  Problem problem() const override { return problem_of(*this); }
  bool uses_device(const Dictionary&) const override { return !least_squares(); }

 private:
  /// Is a λ zero? That is the end of the path, and no working set's.
  bool least_squares() const { return std::find(lambda.begin(), lambda.end(), 0.0) != lambda.end(); }
  /// Are whole rounds run on a device? If not, it only scores.
  bool on_device(const Dictionary& dictionary) const;
  /// The samples of a batch but those that are `done` (null: all), from the codes of `warm` (null: zero), whose row `first` is the first
  /// sample's.
  Status solve(const ScaledBatch& batch, const Dictionary& dictionary, const Execution& execution,
               const SparseCodes* warm, std::size_t first, const std::vector<std::uint8_t>* done,
               std::vector<SampleResult>& out) const;
  /// What the device leaves unfinished is solved on here, from where it is.
  Status solve_on_device(const ScaledBatch& batch, const Dictionary& dictionary, const Execution& execution,
                         std::vector<SampleResult>& out) const;
  BatchSolver start_float64(const Dictionary& dictionary, std::size_t samples,
                            const Execution& execution) const;
};

}  // namespace unsuperpose
