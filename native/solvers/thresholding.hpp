// Methods that keep the k largest of many codes at a time.
#pragma once
#include "greedy_options.hpp"

namespace unsuperpose {

struct HardThresholding final : Method, GreedyOptions {
  enum class Kind : std::uint8_t { iht, htp, nhtp, cosamp };
  Kind kind = Kind::iht;
  double step_size = 1;                  // μ of htp, > 0
  double tolerance = kDefaultTolerance;  // a code on the same support that changes less has converged

  /// A step along the gradient has the units of 1/‖D‖².
  std::shared_ptr<Method> rescaled(const Range& range) const override {
    auto made = std::make_shared<HardThresholding>(*this);
    made->step_size = std::ldexp(step_size, -range.ridge);
    return made;
  }
  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
};

}  // namespace unsuperpose
