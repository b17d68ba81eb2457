// Samples of a call, as solvers take them.
#pragma once
#include <memory>
#include <vector>

#include "../solvers/observed.hpp"
#include "../solvers/samples.hpp"
#include "arguments.hpp"

namespace unsuperpose::node {

/// A copy of { data, rows, cols, exact? }: `exact` is a Float64Array of what `data` has in float32.
class SamplesCopy {
 public:
  SamplesCopy(const Napi::Value& value, const char* name, unsigned threads = 1);
  std::size_t bytes() const;
  std::size_t rows() const { return single_.rows; }
  /// Checks that all entries are finite, unless only some are observed, and splits float64 ones. Once, before view().
  void prepare(const char* name, bool partly_observed, const Execution& execution);
  Samples view() const { return split_ ? split_->view() : Samples(single_.view()); }

 private:
  MatrixCopy single_;
  std::vector<double> exact_;
  std::unique_ptr<SplitSamples> split_;
};

/// Uint8Array | undefined, copied.
Observed observed_of(const Napi::Value& value);

}  // namespace unsuperpose::node
