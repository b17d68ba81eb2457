#include "samples.hpp"

#include <cmath>
#include <string>

namespace unsuperpose::node {

namespace {

/// Rows that one thread splits at a time.
constexpr std::size_t kBlock = 64;

}  // namespace

SamplesCopy::SamplesCopy(const Napi::Value& value, const char* name, unsigned threads)
    : single_(matrix(value, name), threads) {
  const Napi::Value exact = value.As<Napi::Object>().Get("exact");
  if (exact.IsUndefined()) return;
  const std::span<double> values = doubles(exact, name);
  if (values.size() != single_.rows * single_.cols)
    refuse(Code::shape, std::string(name) + ": exact must be as long as data");
  exact_.assign(values.begin(), values.end());
}

std::size_t SamplesCopy::bytes() const {
  return single_.data.bytes() + exact_.size() * sizeof(double) + (split_ ? split_->bytes() : 0);
}

void SamplesCopy::prepare(const char* name, bool partly_observed, const Execution& execution) {
  if (exact_.empty()) {
    if (!partly_observed) require_finite(single_.view(), name, execution);
    return;
  }
  const std::size_t cols = single_.cols;
  for (std::size_t i = 0; i < single_.rows; ++i) {
    for (std::size_t k = 0; k < cols && !partly_observed; ++k)
      if (!std::isfinite(exact_[i * cols + k]))
        refuse(Code::not_finite, std::string(name) + " must be finite: row " + std::to_string(i) +
                                     ", column " + std::to_string(k) + " is not");
    if (i % kBlock == 0 && execution.cancelled()) require(Status::cancelled());
  }
  split_ = std::make_unique<SplitSamples>(single_.rows, cols);
  execution.for_items(single_.rows, kBlock, [&](std::size_t i) { split_->set(i, exact_.data() + i * cols); });
  exact_ = {};
}

Observed observed_of(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  const std::span<std::uint8_t> flags = bytes(value, "observed");
  return {{flags.begin(), flags.end()}};
}

}  // namespace unsuperpose::node
