// The LASSO path of every sample, knot by knot.
#pragma once
#include <memory>
#include <vector>

#include "homotopy.hpp"
#include "path_batch.hpp"

namespace unsuperpose {

/// Follows each sample from its λ_max down to an end of its own; every call of next() takes it to its next knot. Between
/// two knots codes are linear in λ. What is kept of a path is its λ, its active atoms and their signs, and its candidates:
/// some kilobytes a sample, and products of candidates up to 256 MiB in all.
class KnotPath {
 public:
  /// `samples` are used until the last next(), by whoever owns them. options.lambda are the ends, as unfold() takes them.
  KnotPath(const Samples& samples, std::shared_ptr<const Dictionary> dictionary, Homotopy options);

  /// The first call answers λ_max (or the end, if that is larger) and zero codes, each later one the next knot, or the end if
  /// that comes first. Samples at their end repeat their answer. Progress counts samples.
  Status next(const Execution& execution, Unfolding& out);
  bool ended() const;

 private:
  Samples samples_;
  std::shared_ptr<const Dictionary> dictionary_;
  Homotopy options_;
  Range range_;                                 // what the problem is brought into range by
  Homotopy solved_;                             // the options there
  std::vector<std::vector<PathSample>> paths_;  // by batch
  std::vector<std::vector<SampleResult>> answers_;
};

}  // namespace unsuperpose
