#include "observed.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "../core/spread.hpp"

namespace unsuperpose {

namespace {

/// Samples of one mask.
struct Group {
  std::vector<std::uint32_t> samples, columns;
};

std::vector<Group> groups_of(const Observed& observed, std::size_t rows, std::size_t dims) {
  std::map<std::vector<bool>, std::size_t> known;
  std::vector<Group> groups;
  const bool shared = observed.flags.size() == dims && rows != 1;
  for (std::size_t i = 0; i < rows; ++i) {
    if (!shared || i == 0) {
      const std::uint8_t* flags = observed.flags.data() + i * dims;
      const auto [found, fresh] = known.try_emplace(std::vector<bool>(flags, flags + dims), groups.size());
      if (fresh) {
        Group& group = groups.emplace_back();
        for (std::uint32_t k = 0; k < dims; ++k)
          if (flags[k]) group.columns.push_back(k);
      }
      groups[found->second].samples.push_back(static_cast<std::uint32_t>(i));
    } else {
      groups[0].samples.push_back(static_cast<std::uint32_t>(i));
    }
  }
  return groups;
}

/// The group's samples and atoms over its columns; one column of zeros where nothing is observed.
struct Part {
  std::size_t cols;
  AlignedBuffer<float> high, low;
  std::vector<int> exponents;
  std::shared_ptr<const Dictionary> dictionary;

  Samples samples() const {
    const ConstMatrix32 rows{high.data(), exponents.size(), cols};
    return {rows, low.size() > 0 ? ConstMatrix32{low.data(), exponents.size(), cols} : ConstMatrix32{},
            low.size() > 0 ? exponents.data() : nullptr};
  }
};

Status check_finite(float value, std::size_t row, std::size_t column) {
  if (std::isfinite(value)) return {};
  const char* what = std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  return Status::fail(Code::not_finite,
                      "activations must be finite in float32 where they are observed: row " +
                          std::to_string(row) + ", column " + std::to_string(column) + " is " + what);
}

Status take(const Samples& samples, const Dictionary& dictionary, const Group& group,
            const Execution& execution, Part& part) {
  const std::size_t n = group.samples.size(), observed = group.columns.size();
  part.cols = std::max<std::size_t>(1, observed);
  part.exponents.assign(n, 0);
  part.high = AlignedBuffer<float>::zeros(n * part.cols);
  if (samples.split()) part.low = AlignedBuffer<float>::zeros(n * part.cols);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t row = group.samples[i];
    part.exponents[i] = samples.exponent(row);
    for (std::size_t k = 0; k < observed; ++k) {
      const float value = samples.high.row(row)[group.columns[k]];
      if (Status status = check_finite(value, row, group.columns[k]); !status.ok()) return status;
      part.high[i * part.cols + k] = value;
      if (samples.split()) part.low[i * part.cols + k] = samples.low.row(row)[group.columns[k]];
    }
  }
  const auto read = [&](std::size_t j, double* to) {
    if (observed == 0) to[0] = 0;
    const float *high = dictionary.atom(j), *low = dictionary.split() ? dictionary.low(j) : nullptr;
    for (std::size_t k = 0; k < observed; ++k) {
      to[k] = static_cast<double>(high[group.columns[k]]);
      if (low) to[k] += static_cast<double>(low[group.columns[k]]);
    }
  };
  return Dictionary::make(dictionary.features(), part.cols, read, false, execution, part.dictionary);
}

/// each(group, its part, how to run) for all groups; the first error in their order.
template <class Each>
Status for_groups(const std::vector<Group>& groups, const Samples& samples, const Dictionary& dictionary,
                  const Execution& execution, const Each& each) {
  execution.set_total(samples.rows());
  std::vector<Status> statuses(groups.size());
  Execution inner = execution;
  inner.reports = false;
  if (groups.size() > 1) inner.threads = 1;
  execution.for_each(groups.size(), [&](std::size_t g) {
    Part part;
    Status& status = statuses[g];
    status = take(samples, dictionary, groups[g], inner, part);
    if (status.ok()) status = each(g, part, inner);
    if (status.ok()) execution.advance(groups[g].samples.size());
  });
  if (execution.cancelled()) return Status::cancelled();
  for (Status& status : statuses)
    if (!status.ok()) return std::move(status);
  return {};
}

/// Where each sample's answer is: its group, and its place there.
std::vector<std::pair<std::uint32_t, std::uint32_t>> places_of(const std::vector<Group>& groups,
                                                               std::size_t rows) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> places(rows);
  for (std::uint32_t g = 0; g < groups.size(); ++g)
    for (std::uint32_t i = 0; i < groups[g].samples.size(); ++i) places[groups[g].samples[i]] = {g, i};
  return places;
}

/// Σ (x − mean)² over what was observed, each column about the mean of what was observed of it.
double variance_of(const Samples& samples, const std::vector<Group>& groups) {
  const std::size_t cols = samples.cols();
  std::vector<double> mean(cols, 0), count(cols, 0), x(cols);
  double variance = 0;
  for (const Group& group : groups) {
    for (const std::uint32_t i : group.samples) {
      samples.read(i, x.data());
      for (const std::uint32_t k : group.columns) spread::add(&x[k], 1, 1, ++count[k], &mean[k], variance);
    }
  }
  return variance;
}

Status check_mask(const Observed& observed, std::size_t rows, std::size_t dims) {
  const std::size_t size = observed.flags.size();
  if (size == dims || (rows > 0 && size == rows * dims)) return {};
  return Status::fail(Code::shape, "observed must have one row for all samples (" + std::to_string(dims) +
                                       " entries) or one a sample (" + std::to_string(rows * dims) +
                                       "), got " + std::to_string(size) + " entries");
}

}  // namespace

Status unfold_observed(const Samples& samples, const Observed& observed,
                       const std::shared_ptr<const Dictionary>& dictionary, const Method& method,
                       const Execution& execution, Unfolding& out) {
  if (observed.empty()) return unfold_weighted(samples, dictionary, method, execution, out);
  const std::size_t rows = samples.rows();
  Status status = check_dims(samples.high, *dictionary);
  if (status.ok()) status = check_mask(observed, rows, samples.cols());
  if (status.ok()) status = check_warm_start(method.starts_from(), rows, *dictionary);
  if (!status.ok()) return status;
  // One a sample, where there is one a sample, before any are picked.
  const std::vector<float> no_weights;
  Narrowing plain;
  plain.weights = &no_weights;
  const auto checked = method.narrowed(plain);
  if (!checked) return Status::fail(Code::option, "observed is not for this method");
  if (status = checked->check(samples.high, *dictionary); !status.ok()) return status;
  const std::vector<Group> groups = groups_of(observed, rows, samples.cols());
  std::vector<Unfolding> parts(groups.size());
  status = for_groups(groups, samples, *dictionary, execution,
                      [&](std::size_t g, const Part& part, const Execution& inner) {
                        Narrowing narrowing;
                        narrowing.samples = &groups[g].samples;
                        const auto narrowed = method.narrowed(narrowing);
                        return unfold_weighted(part.samples(), part.dictionary, *narrowed, inner, parts[g]);
                      });
  if (!status.ok()) return status;
  out = {};
  out.codes.indptr.push_back(0);
  out.float64 = method.in_float64();
  out.variance = variance_of(samples, groups);
  for (const Unfolding& part : parts) out.used_device = out.used_device || part.used_device;
  for (const auto& [g, i] : places_of(groups, rows)) {
    const Unfolding& part = parts[g];
    for (std::size_t k = part.codes.indptr[i]; k < part.codes.indptr[i + 1]; ++k) {
      out.codes.indices.push_back(part.codes.indices[k]);
      if (out.float64)
        out.values64.push_back(part.values64[k]);
      else
        out.codes.values.push_back(part.codes.values[k]);
    }
    out.codes.indptr.push_back(static_cast<std::uint32_t>(out.codes.indices.size()));
    out.gap.push_back(part.gap[i]);
    out.objective.push_back(part.objective[i]);
    if (!part.lambda.empty()) out.lambda.push_back(part.lambda[i]);
    out.residual.push_back(part.residual[i]);
    out.norm.push_back(part.norm[i]);
    out.status.push_back(part.status[i]);
    out.iterations.push_back(part.iterations[i]);
  }
  return {};
}

Status certify_observed(const Samples& samples, const Observed& observed, const SparseCodes& codes,
                        const std::shared_ptr<const Dictionary>& dictionary, const CertifyOptions& options,
                        const Execution& execution, Certification& out) {
  if (observed.empty()) return certify_weighted(samples, codes, dictionary, options, execution, out);
  const std::size_t rows = samples.rows();
  Status status = check_dims(samples.high, *dictionary);
  if (status.ok()) status = check_mask(observed, rows, samples.cols());
  if (status.ok()) status = check_per_sample("lambda", options.lambda.size(), rows);
  if (!status.ok()) return status;
  const std::vector<Group> groups = groups_of(observed, rows, samples.cols());
  std::vector<Certification> parts(groups.size());
  status = for_groups(
      groups, samples, *dictionary, execution, [&](std::size_t g, const Part& part, const Execution& inner) {
        CertifyOptions narrowed = options;
        pick(narrowed.lambda, &groups[g].samples);
        SparseCodes mine;
        mine.indptr.push_back(0);
        for (const std::uint32_t i : groups[g].samples) {
          for (std::size_t k = codes.indptr[i]; k < codes.indptr[i + 1]; ++k) {
            mine.indices.push_back(codes.indices[k]);
            mine.wide.push_back(codes.value(k));
          }
          mine.indptr.push_back(static_cast<std::uint32_t>(mine.indices.size()));
        }
        return certify_weighted(part.samples(), mine, part.dictionary, narrowed, inner, parts[g]);
      });
  if (!status.ok()) return status;
  out = {};
  for (const auto& [g, i] : places_of(groups, rows)) {
    const Certification& part = parts[g];
    out.verdict.push_back(part.verdict[i]);
    out.gap.push_back(part.gap[i]);
    out.fuchs.push_back(part.fuchs[i]);
    out.unique.push_back(part.unique[i]);
    out.eigenvalue.push_back(part.eigenvalue[i]);
    out.worst.push_back(part.worst[i]);
    out.correlation.push_back(part.correlation[i]);
    out.objective.push_back(part.objective[i]);
    out.polished.push_back(part.polished[i]);
    out.error.push_back(part.error[i]);
  }
  return {};
}

}  // namespace unsuperpose
