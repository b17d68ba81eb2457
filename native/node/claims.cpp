#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "../features/coverage.hpp"
#include "../features/predicates.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {
namespace {

/// None for undefined.
std::unique_ptr<SparseCodes> codes_if_any(const Napi::Value& value, std::size_t samples, std::size_t features,
                                          const char* name) {
  if (value.IsUndefined()) return nullptr;
  return std::make_unique<SparseCodes>(own_codes(value, samples, features, name));
}

/// Not yet known to be finite.
MatrixCopy copy_matrix(const Napi::Value& value, std::size_t cols, const char* name) {
  MatrixCopy owned(matrix(value, name));
  if (owned.cols != cols)
    refuse(Code::shape, std::string(name) + " must have " + std::to_string(cols) + " columns, got " +
                            std::to_string(owned.cols));
  return owned;
}

MatrixCopy own_matrix(const Napi::Value& value, std::size_t cols, const char* name) {
  MatrixCopy owned = copy_matrix(value, cols, name);
  require_finite(owned.view(), name);
  return owned;
}

/// The atoms of some features as a dictionary.
std::shared_ptr<const Dictionary> chosen(const std::shared_ptr<const Dictionary>& all,
                                         const Napi::Value& value) {
  if (value.IsUndefined()) return all;
  const auto given = integers(value, "features");
  const std::vector<std::uint32_t> features(given.begin(), given.end());
  const std::size_t dims = all->dims();
  AlignedBuffer<float> atoms(features.size() * dims);
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (features[i] >= all->features())
      refuse(Code::shape, "features holds an index that is not in the dictionary");
    std::memcpy(atoms.data() + i * dims, all->atom(features[i]), dims * sizeof(float));
  }
  std::shared_ptr<const Dictionary> made;
  require(Dictionary::make({atoms.data(), features.size(), dims}, false, made));
  return made;
}

/// A predicate and all that it refers to.
struct OwnedPredicate {
  std::shared_ptr<const Dictionary> dictionary;
  std::unique_ptr<SparseCodes> codes;
  std::vector<MatrixCopy> matrices;
  Predicate predicate;

  OwnedPredicate(std::shared_ptr<const Dictionary> dictionary_, const Napi::Value& codes_value,
                 const Napi::Object& from)
      : dictionary(std::move(dictionary_)) {
    if (!codes_value.IsUndefined()) {
      const auto samples = count(codes_value.As<Napi::Object>().Get("samples"), "samples");
      if (samples == 0) refuse(Code::shape, "codes must have at least one sample");
      codes = codes_if_any(codes_value, samples, dictionary->features(), "codes");
    }
    const auto list = from.Get("quantities").As<Napi::Array>();
    // Views into the matrices are made once none is added any more.
    struct Views {
      std::size_t rows = 0, first = 0, last = 0;
      bool has_rows = false;
    };
    std::vector<Views> views;
    for (std::uint32_t i = 0; i < list.Length(); ++i) {
      const auto object = static_cast<Napi::Value>(list.Get(i)).As<Napi::Object>();
      Quantity quantity;
      quantity.kind = static_cast<QuantityKind>(count(object.Get("kind"), "kind"));
      if (const Napi::Value above = object.Get("above"); !above.IsUndefined())
        quantity.above = number(above, "above");
      if (const Napi::Value below = object.Get("below"); !below.IsUndefined())
        quantity.below = number(below, "below");
      Views at;
      if (const Napi::Value rows = object.Get("rows"); !rows.IsUndefined()) {
        at.rows = matrices.size();
        at.has_rows = true;
        matrices.push_back(own_matrix(rows, dictionary->dims(), "rows"));
      }
      const bool needs_rows =
          quantity.kind == QuantityKind::alignment || quantity.kind == QuantityKind::energy;
      const bool needs_codes =
          quantity.kind == QuantityKind::density || quantity.kind == QuantityKind::activation;
      if (needs_rows && !(at.has_rows && matrices[at.rows].rows > 0))
        refuse(Code::shape, "a predicate lacks its rows");
      if (needs_codes && !codes) refuse(Code::option, "a predicate needs codes");
      if (quantity.kind == QuantityKind::connection) read_connection(object, quantity, at.first, at.last);
      views.push_back(at);
      predicate.quantities.push_back(std::move(quantity));
    }
    for (std::size_t i = 0; i < views.size(); ++i) {
      Quantity& quantity = predicate.quantities[i];
      if (views[i].has_rows) quantity.rows = matrices[views[i].rows].view();
      for (std::size_t m = views[i].first; m < views[i].last; ++m)
        quantity.weight.push_back(matrices[m].view());
    }
    read_program(from.Get("program"));
  }

 private:
  void read_connection(const Napi::Object& object, Quantity& quantity, std::size_t& first,
                       std::size_t& last) {
    quantity.to = chosen(held_dictionary(object.Get("to")), object.Get("features"));
    first = matrices.size();
    std::size_t dims = quantity.to->dims();
    if (const Napi::Value weight = object.Get("weight"); !weight.IsUndefined()) {
      matrices.push_back(own_matrix(weight, dictionary->dims(), "weight"));
      if (matrices.back().rows != dims) refuse(Code::shape, "the shape of weight does not fit");
      dims = dictionary->dims();
    }
    if (dims != dictionary->dims()) refuse(Code::shape, "the dims of the dictionaries do not fit");
    last = matrices.size();
  }

  /// Refuses a program that is no expression.
  void read_program(const Napi::Value& value) {
    const auto array = value.As<Napi::Array>();
    std::size_t depth = 0;
    for (std::uint32_t i = 0; i < array.Length(); ++i) {
      const double value = number(array.Get(i), "program");
      // NaN is in no range: cast afterwards.
      if (!(value >= kNot && value < static_cast<double>(predicate.quantities.size())))
        refuse(Code::option, "the predicate is no expression");
      const auto entry = static_cast<std::int32_t>(value);
      const std::size_t takes = entry >= 0 ? 0 : entry == kNot ? 1 : 2;
      if (depth < takes) refuse(Code::option, "the predicate is no expression");
      depth += 1 - takes;
      predicate.program.push_back(entry);
    }
    if (depth != 1) refuse(Code::option, "the predicate is no expression");
  }
};

/// (handle, codes with samples | undefined, { quantities, program }, again, threads, onProgress, onSettled) → job
Napi::Value evaluate_predicate(const Napi::CallbackInfo& call) {
  const auto owned =
      std::make_shared<OwnedPredicate>(held_dictionary(call[0]), call[1], call[2].As<Napi::Object>());
  const bool again = call[3].ToBoolean();
  return start_job<PredicateValues>(
      call, 4,
      [=](const Execution& execution, PredicateValues& out) {
        const SparseCodes* codes = owned->codes.get();
        return again ? measure_again(*owned->dictionary, codes, owned->predicate, execution, out)
                     : evaluate(owned->dictionary, codes, owned->predicate, execution, out);
      },
      [](Napi::Env env, const PredicateValues& found) {
        return object(env, {
                               {"truth", found.truth},
                               {"values", found.values},
                               {"lows", found.lows},
                               {"errors", found.errors},
                           });
      });
}

struct OwnedCoverage {
  std::shared_ptr<const Dictionary> dictionary;
  MatrixCopy samples, calibration;
  std::unique_ptr<SparseCodes> codes, calibration_codes;
  CoverageOptions options;

  OwnedCoverage(std::shared_ptr<const Dictionary> dictionary_, const Napi::Value& activations,
                const Napi::Value& calibration_, const Napi::Object& from)
      : dictionary(std::move(dictionary_)),
        samples(copy_matrix(activations, dictionary->dims(), "activations")),
        calibration(copy_matrix(calibration_, dictionary->dims(), "calibration")) {
    codes = codes_if_any(from.Get("codes"), samples.rows, dictionary->features(), "codes");
    calibration_codes = codes_if_any(from.Get("calibrationCodes"), calibration.rows, dictionary->features(),
                                     "calibrationCodes");
    options.codes = codes.get();
    options.calibration_codes = calibration_codes.get();
    options.lambda = number(from.Get("lambda"), "lambda");
    if (!(options.lambda > 0) && !(options.codes && options.calibration_codes))
      refuse(Code::option, "lambda or codes must be given");
    options.ridge = number(from.Get("ridge"), "ridge");
    options.nonnegative = from.Get("nonnegative").ToBoolean();
    options.tolerance = number(from.Get("tolerance"), "tolerance");
    options.false_alarm_rate = number(from.Get("falseAlarmRate"), "falseAlarmRate");
    const double alarms = options.false_alarm_rate * static_cast<double>(calibration.rows + 1);
    if (!(alarms >= 1 && options.false_alarm_rate < 1))
      refuse(Code::option, "falseAlarmRate is too small for the calibration samples");
    options.relative = from.Get("relative").ToBoolean();
    options.significance = number(from.Get("significance"), "significance");
    options.most_directions = count(from.Get("mostDirections"), "mostDirections");
  }
};

/// (handle, activations, calibration, options, threads, onProgress, onSettled) → job
Napi::Value coverage(const Napi::CallbackInfo& call) {
  const auto owned = std::make_shared<const OwnedCoverage>(held_dictionary(call[0]), call[1], call[2],
                                                           call[3].As<Napi::Object>());
  return start_job<Coverage>(
      call, 4,
      [owned](const Execution& execution, Coverage& out) {
        require_finite(owned->samples.view(), "activations", execution);
        require_finite(owned->calibration.view(), "calibration", execution);
        return cover(owned->samples.view(), owned->calibration.view(), *owned->dictionary, owned->options,
                     execution, out);
      },
      [](Napi::Env env, const Coverage& found) {
        return object(env, {
                               {"energy", found.energy},
                               {"unexplained", found.unexplained},
                               {"pValue", found.p_value},
                               {"flagged", found.flagged},
                               {"threshold", found.threshold},
                               {"directions", found.directions},
                               {"strength", found.strength},
                               {"samples", found.samples},
                               {"significance", found.significance},
                               {"nearest", found.nearest},
                               {"cosine", found.cosine},
                           });
      });
}

}  // namespace

void add_claims(Napi::Object exports) {
  add<evaluate_predicate, 7>(exports, "evaluatePredicate");
  add<coverage, 7>(exports, "coverage");
}

}  // namespace unsuperpose::node
