#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "../features/coverage.hpp"
#include "../features/predicates.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "handles.hpp"

namespace unsuperpose::node {
namespace {

/// Valid codes of our own, or none for undefined. Copied first, checked afterwards: shared memory may change
/// in between.
std::unique_ptr<SparseCodes> own_codes(const Napi::Value& value, std::size_t samples, std::size_t features,
                                       const char* name) {
  if (value.IsUndefined()) return nullptr;
  auto owned = std::make_unique<SparseCodes>(copy(codes(value, name)));
  require_valid({owned->indptr, owned->indices, owned->values}, samples, features, name);
  return owned;
}

MatrixCopy own_matrix(const Napi::Value& value, std::size_t cols, const char* name) {
  MatrixCopy owned(matrix(value, name));
  if (owned.cols != cols)
    refuse(Code::shape, std::string(name) + " must have " + std::to_string(cols) + " columns, got " +
                            std::to_string(owned.cols));
  require_finite(owned.view(), name);
  return owned;
}

/// The atoms of some features as a dictionary.
std::shared_ptr<const Dictionary> chosen(const std::shared_ptr<const Dictionary>& all,
                                         const Napi::Value& value) {
  if (value.IsUndefined()) return all;
  const auto features = integers(value, "features");
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
  PredicateValues result;

  OwnedPredicate(std::shared_ptr<const Dictionary> dictionary_, const Napi::Value& codes_value,
                 const Napi::Object& from)
      : dictionary(std::move(dictionary_)) {
    if (!codes_value.IsUndefined()) {
      const auto samples = count(codes_value.As<Napi::Object>().Get("samples"), "samples");
      if (samples == 0) refuse(Code::shape, "codes must have at least one sample");
      codes = own_codes(codes_value, samples, dictionary->features(), "codes");
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
      const auto entry = static_cast<std::int32_t>(number(array.Get(i), "program"));
      const std::size_t takes = entry >= 0 ? 0 : entry == kNot ? 1 : 2;
      if (entry < kNot || (entry >= 0 && static_cast<std::size_t>(entry) >= predicate.quantities.size()) ||
          depth < takes)
        refuse(Code::option, "the predicate is no expression");
      depth += 1 - takes;
      predicate.program.push_back(entry);
    }
    if (depth != 1) refuse(Code::option, "the predicate is no expression");
  }
};

/// (handle, codes with samples | undefined, { quantities, program }, again, threads, onProgress, onSettled) →
/// job
Napi::Value evaluate_predicate(const Napi::CallbackInfo& call) {
  auto owned =
      std::make_shared<OwnedPredicate>(held_dictionary(call[0]), call[1], call[2].As<Napi::Object>());
  const bool again = call[3].ToBoolean();
  const unsigned limit = threads(call[4]);
  Callbacks callbacks{[owned](Napi::Env env) {
                        const auto& environment = Environment::of(env);
                        Napi::Object result = Napi::Object::New(env);
                        result.Set("truth", to_array(environment, owned->result.truth));
                        result.Set("values", to_array(environment, owned->result.values));
                        result.Set("lows", to_array(environment, owned->result.lows));
                        result.Set("errors", to_array(environment, owned->result.errors));
                        return result;
                      },
                      nullptr, call[5], call[6].As<Napi::Function>()};
  const auto id =
      Environment::of(call.Env())
          .start(
              limit,
              [=](Monitor& monitor) {
                const Execution execution{limit, &monitor};
                const SparseCodes* codes = owned->codes.get();
                const Predicate& predicate = owned->predicate;
                return again ? measure_again(*owned->dictionary, codes, predicate, execution, owned->result)
                             : evaluate(owned->dictionary, codes, predicate, execution, owned->result);
              },
              std::move(callbacks));
  return Napi::Number::New(call.Env(), id);
}

struct OwnedCoverage {
  std::shared_ptr<const Dictionary> dictionary;
  MatrixCopy samples, calibration;
  std::unique_ptr<SparseCodes> codes, calibration_codes;
  CoverageOptions options;
  Coverage result;
};

/// (handle, activations, calibration, options, threads, onProgress, onSettled) → job
Napi::Value coverage(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const std::size_t dims = dictionary->dims();
  auto owned = std::make_shared<OwnedCoverage>(OwnedCoverage{dictionary,
                                                             own_matrix(call[1], dims, "activations"),
                                                             own_matrix(call[2], dims, "calibration"),
                                                             {},
                                                             {},
                                                             {},
                                                             {}});
  const auto from = call[3].As<Napi::Object>();
  CoverageOptions& options = owned->options;
  owned->codes = own_codes(from.Get("codes"), owned->samples.rows, dictionary->features(), "codes");
  owned->calibration_codes = own_codes(from.Get("calibrationCodes"), owned->calibration.rows,
                                       dictionary->features(), "calibrationCodes");
  options.codes = owned->codes.get();
  options.calibration_codes = owned->calibration_codes.get();
  options.lambda = number(from.Get("lambda"), "lambda");
  if (!(options.lambda > 0) && !(options.codes && options.calibration_codes))
    refuse(Code::option, "lambda or codes must be given");
  options.ridge = number(from.Get("ridge"), "ridge");
  options.nonnegative = from.Get("nonnegative").ToBoolean();
  options.tolerance = number(from.Get("tolerance"), "tolerance");
  options.false_alarm_rate = number(from.Get("falseAlarmRate"), "falseAlarmRate");
  const double alarms = options.false_alarm_rate * static_cast<double>(owned->calibration.rows + 1);
  if (!(alarms >= 1 && options.false_alarm_rate < 1))
    refuse(Code::option, "falseAlarmRate is too small for the calibration samples");
  options.relative = from.Get("relative").ToBoolean();
  options.significance = number(from.Get("significance"), "significance");
  options.most_directions = count(from.Get("mostDirections"), "mostDirections");
  const unsigned limit = threads(call[4]);
  Callbacks callbacks{[owned](Napi::Env env) {
                        const auto& environment = Environment::of(env);
                        const Coverage& found = owned->result;
                        Napi::Object result = Napi::Object::New(env);
                        result.Set("energy", to_array(environment, found.energy));
                        result.Set("unexplained", to_array(environment, found.unexplained));
                        result.Set("pValue", to_array(environment, found.p_value));
                        result.Set("flagged", to_array(environment, found.flagged));
                        result.Set("threshold", found.threshold);
                        result.Set("directions", to_array(environment, found.directions));
                        result.Set("strength", to_array(environment, found.strength));
                        result.Set("samples", to_array(environment, found.samples));
                        result.Set("significance", to_array(environment, found.significance));
                        result.Set("nearest", to_array(environment, found.nearest));
                        result.Set("cosine", to_array(environment, found.cosine));
                        return result;
                      },
                      nullptr, call[5], call[6].As<Napi::Function>()};
  const auto id = Environment::of(call.Env())
                      .start(
                          limit,
                          [=](Monitor& monitor) {
                            return cover(owned->samples.view(), owned->calibration.view(), *owned->dictionary,
                                         owned->options, {limit, &monitor}, owned->result);
                          },
                          std::move(callbacks));
  return Napi::Number::New(call.Env(), id);
}

}  // namespace

void add_claims(Napi::Object exports) {
  add<evaluate_predicate>(exports, "evaluatePredicate");
  add<coverage>(exports, "coverage");
}

}  // namespace unsuperpose::node
