// Where a call's time on the device goes, by the device's own clock.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "device.hpp"

namespace unsuperpose::cuda {

/// Seconds of the device, by the stages of UnsuperposeCudaCodes.
class Timer {
 public:
  enum Stage { round, select, choose, gram, descend, evaluate, copies, kStages };
  explicit Timer(const Stream& stream) : stream_(stream) {}
  /// Where the seconds go from now on: one a stage, then all of them.
  void start(double* seconds) {
    std::fill_n(seconds, kStages + 1, 0.0);
    seconds_ = seconds;
    used_ = 0;
  }
  template <class Body>
  void time(Stage stage, const Body& body) {
    if (used_ == spans_.size()) spans_.push_back(std::make_unique<Span>());
    Span& span = *spans_[used_];
    span.stage = stage;
    span.before.record(stream_.get());
    body();
    span.after.record(stream_.get());
    ++used_;  // not where body threw: `after` is of an earlier span then, or of none
  }
  /// What was timed since add() is not counted: its call begins again.
  void forget() { used_ = 0; }
  /// Once the stream was waited for.
  void add() {
    for (std::size_t i = 0; i < used_; ++i) {
      const double took = spans_[i]->after.since(spans_[i]->before);
      seconds_[spans_[i]->stage] += took;
      seconds_[kStages] += took;
    }
    used_ = 0;
  }

 private:
  struct Span {
    Event before, after;
    Stage stage = round;
  };
  const Stream& stream_;
  double* seconds_ = nullptr;
  std::vector<std::unique_ptr<Span>> spans_;
  std::size_t used_ = 0;
};

}  // namespace unsuperpose::cuda
