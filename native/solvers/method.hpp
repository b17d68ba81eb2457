// What a way to unfold is: its options, and how it solves a batch with them. Each method is a file of its own that holds
// both; unfold() knows none of them.
#pragma once
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"
#include "range.hpp"

namespace unsuperpose {

class Profile;
class ScaledBatch;
struct SampleResult;

/// Solves one batch, which starts at sample `first` of the call. Results are in the order of the samples.
using BatchSolver =
    std::function<Status(const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out)>;

/// What a convex method adds to ½‖x − aD‖²: λ Σ w_j|a_j| + (β/2)‖a‖²   (a ≥ 0 when nonnegative).
struct Penalty {
  std::span<const float> weights;  // empty: 1
  double ridge = 0;
  bool nonnegative = false;
};

/// The same problem over other samples, features and weights.
struct Narrowing {
  const std::vector<std::uint32_t>* samples = nullptr;  // which of the call's, in order; null: all
  const std::vector<std::uint32_t>* places =
      nullptr;                                  // a feature's new number, kNone: left out; null: as it is
  const std::vector<float>* weights = nullptr;  // of the new features; null: as they are
  bool wide = false;                            // with the data's low parts, where the method takes them
};

/// What a method says of the problem that it solves.
struct Problem {
  const std::vector<float>* weights = nullptr;  // null: it takes none
  double ridge = 0;
  bool nonnegative = false;
  double tolerance = 0;
  bool takes_low = false;   // low parts of the data count, where that is asked for
  bool wide = false;        // it was asked for
  bool bounds_fit = false;  // its objective is Σ w_j|a_j|, not the fit
};

/// A method with its options. Must outlive the solver that start() makes.
class Method {
 public:
  virtual ~Method() = default;

  /// ERR_SHAPE or ERR_OPTION where options do not fit the samples and the dictionary.
  virtual Status check(ConstMatrix32 samples, const Dictionary& dictionary) const = 0;
  /// λ: one entry or one a sample; none where the method has no λ.
  virtual std::span<const double> lambdas() const { return {}; }
  /// Does it answer a λ of each sample?
  virtual bool reports_lambda() const { return false; }
  /// Are its codes in float64?
  virtual bool in_float64() const { return false; }
  /// Does a call with a device score on it, or solve there?
  virtual bool uses_device(const Dictionary& /*dictionary*/) const { return false; }
  /// Starts a call over `samples` samples, in batches. Dictionary and execution must outlive the solver.
  virtual BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                            const Execution& execution) const = 0;

  // What its answers are held to (review.hpp).
  /// The gap at which an answer counts as converged; Infinity where gaps say nothing.
  virtual double tolerance_of_gap() const { return std::numeric_limits<double>::infinity(); }
  /// The problem that an answer can be judged by again, at its own λ; none where the answer alone does not tell.
  virtual std::optional<Penalty> penalty() const { return {}; }
  /// May an answer that missed the tolerance be solved on in float64?
  virtual bool refines() const { return false; }
  /// Did the caller limit the iterations?
  virtual bool limited_by_caller() const { return false; }
  /// The objective of a code, given ½‖x − aD‖², where penalty() does not tell.
  virtual double objective_of(const std::vector<std::pair<std::uint32_t, double>>& /*code*/,
                              double half_squared) const {
    return half_squared;
  }
  /// The same method with its options for other samples, features and weights. Null where it is for none but plain problems.
  virtual std::shared_ptr<Method> narrowed(const Narrowing& /*to*/) const { return nullptr; }
  virtual Problem problem() const { return {}; }

  // How it bears problems that are out of float32's range (range.hpp).
  virtual Scaling scaling() const { return Scaling::common; }
  virtual std::span<const float> feature_weights() const { return {}; }
  /// The same method with the weights and the ridge of a range; null where it has none.
  virtual std::shared_ptr<Method> rescaled(const Range& /*range*/) const { return nullptr; }

  /// The codes that it starts from, or null.
  virtual const SparseCodes* starts_from() const { return nullptr; }
  /// Where its time went, if it was asked to say.
  virtual const Profile* profiled() const { return nullptr; }
  /// The same method at another λ and from another start: the next step along a path. Null where that has no meaning.
  virtual std::shared_ptr<Method> step(std::vector<double> /*to*/,
                                       std::shared_ptr<const SparseCodes> /*from*/) const {
    return nullptr;
  }
};

/// Method::step() of a method that has `lambda` and `warm_start`.
template <class Stepping>
std::shared_ptr<Method> step_of(const Stepping& method, std::vector<double> to,
                                std::shared_ptr<const SparseCodes> from) {
  auto next = std::make_shared<Stepping>(method);
  next->lambda = std::move(to);
  next->warm_start = std::move(from);
  return next;
}

/// Method::rescaled() of a method that has `weights` and `ridge`.
template <class Convex>
std::shared_ptr<Convex> rescaled_of(const Convex& method, const Range& range) {
  auto made = std::make_shared<Convex>(method);
  made->weights = range.weights;
  made->ridge = std::ldexp(method.ridge, range.ridge);
  return made;
}

/// Those of the samples in `samples`, where there is one a sample.
template <class T>
void pick(std::vector<T>& values, const std::vector<std::uint32_t>* samples) {
  if (!samples || values.size() <= 1) return;
  std::vector<T> picked;
  for (const std::uint32_t i : *samples) picked.push_back(values[i]);
  values = std::move(picked);
}
std::shared_ptr<const SparseCodes> narrowed_start(std::shared_ptr<const SparseCodes> start,
                                                  const Narrowing& to);

/// Method::narrowed() by the options that a method has.
template <class Narrowed>
std::shared_ptr<Method> narrowed_of(const Narrowed& method, const Narrowing& to) {
  auto made = std::make_shared<Narrowed>(method);
  if constexpr (requires { made->lambda; }) pick(made->lambda, to.samples);
  if constexpr (requires { made->epsilon; }) pick(made->epsilon, to.samples);
  if constexpr (requires { made->radius; }) pick(made->radius, to.samples);
  if constexpr (requires { made->sparsity; }) pick(made->sparsity, to.samples);
  if constexpr (requires { made->warm_start; }) made->warm_start = narrowed_start(made->warm_start, to);
  if constexpr (requires { made->weights; })
    if (to.weights) made->weights = *to.weights;
  if constexpr (requires { made->wide; }) made->wide = made->wide || to.wide;
  return made;
}

/// Method::problem() of a convex method.
template <class Convex>
Problem problem_of(const Convex& method) {
  Problem problem{&method.weights, 0, method.nonnegative, method.tolerance};
  if constexpr (requires { method.ridge; }) problem.ridge = method.ridge;
  if constexpr (requires { method.wide; }) {
    problem.takes_low = true;
    problem.wide = method.wide || method.float64;
  }
  return problem;
}

/// Stop once the duality gap is at most this.
inline constexpr double kDefaultTolerance = 1e-4;

/// The problem of the convex methods: min ½‖x − aD‖² + λ Σ w_j|a_j| + (β/2)‖a‖²  (a ≥ 0 when nonnegative).
struct PenaltyOptions {
  std::vector<double> lambda;  // 1 entry or one a sample; finite, > 0
  double ridge = 0;            // β ≥ 0
  std::vector<float> weights;  // empty or one a feature; finite, > 0
  bool nonnegative = false;
  double tolerance = kDefaultTolerance;
  std::uint32_t max_iterations = 0;  // 0: the method's default
};

/// The entry of a value that is one for all samples or one a sample.
template <class T>
const T& per_sample(std::span<const T> values, std::size_t sample) {
  return values[values.size() == 1 ? 0 : sample];
}

// The pieces of check(), each ERR_SHAPE or ERR_OPTION.
Status check_dims(ConstMatrix32 samples, const Dictionary& dictionary);
Status check_per_sample(const char* name, std::size_t size, std::size_t samples);
/// `with_zero`: of a method that answers least squares at λ = 0.
Status check_lambda(std::span<const double> lambda, std::size_t samples, bool with_zero = false);
Status check_weights(const std::vector<float>& weights, const Dictionary& dictionary);
/// ERR_OPTION where `wide` asks for float64 atoms of which float32 parts have lost bits: no certificate would be of the given ones.
Status check_atoms(const Dictionary& dictionary, bool wide);
Status check_penalty(const PenaltyOptions& options, ConstMatrix32 samples, const Dictionary& dictionary,
                     bool with_zero = false);
/// Null, or codes with one row a sample.
Status check_warm_start(const SparseCodes* codes, std::size_t samples, const Dictionary& dictionary);

}  // namespace unsuperpose
