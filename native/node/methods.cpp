// The methods of unfold() by name, each with what reads its options. lib/unfold/ fills in every field that a method has.
#include <limits>
#include <utility>

#include "../solvers/amp.hpp"
#include "../solvers/ball.hpp"
#include "../solvers/bpdn.hpp"
#include "../solvers/homotopy.hpp"
#include "../solvers/lasso.hpp"
#include "../solvers/matching.hpp"
#include "../solvers/omp.hpp"
#include "../solvers/proximal.hpp"
#include "../solvers/reweighted.hpp"
#include "../solvers/thresholding.hpp"
#include "arguments.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {
namespace {

std::vector<double> numbers(const Napi::Object& from, const char* name) {
  return one_or_each(from.Get(name), name);
}

std::uint32_t whole(const Napi::Object& from, const char* name) {
  return static_cast<std::uint32_t>(count(from.Get(name), name));
}

bool flag(const Napi::Object& from, const char* name) { return from.Get(name).ToBoolean(); }

/// A limit in bytes: whatever exceeds the address space is no limit.
std::size_t byte_count(const Napi::Object& from, const char* name) {
  constexpr auto kMost = std::numeric_limits<std::size_t>::max();
  const double value = number(from.Get(name), name);
  if (!(value >= 0)) refuse(Code::option, std::string(name) + " must be ≥ 0");
  return value < static_cast<double>(kMost) ? static_cast<std::size_t>(value) : kMost;
}

std::shared_ptr<const SparseCodes> warm_start(const Napi::Object& from) {
  const Napi::Value codes = from.Get("warmStart");
  if (codes.IsUndefined()) return nullptr;
  return std::make_shared<const SparseCodes>(copy_codes(codes, "warmStart"));
}

/// What all convex methods have.
template <class Convex>
void read_convex(const Napi::Object& from, Convex& to) {
  to.weights = weights_of(from.Get("weights"));
  to.nonnegative = flag(from, "nonnegative");
  to.tolerance = number(from.Get("tolerance"), "tolerance");
  to.max_iterations = whole(from, "maxIterations");
}

template <class Penalized>
void read_penalty(const Napi::Object& from, Penalized& to) {
  read_convex(from, to);
  to.lambda = numbers(from, "lambda");
  to.ridge = number(from.Get("ridge"), "ridge");
  to.warm_start = warm_start(from);
}

void read_greedy(const Napi::Object& from, GreedyOptions& to) {
  const Napi::Value sparsity = from.Get("sparsity");
  if (sparsity.IsNumber()) {
    to.sparsity.assign(1, static_cast<std::uint32_t>(count(sparsity, "sparsity")));
  } else {
    const auto each = integers(sparsity, "sparsity");
    to.sparsity.assign(each.begin(), each.end());
  }
  to.residual = number(from.Get("residual"), "residual");
  to.nonnegative = flag(from, "nonnegative");
}

std::shared_ptr<Method> lasso(const Napi::Object& from) {
  auto method = std::make_shared<Lasso>();
  read_penalty(from, *method);
  method->float64 = flag(from, "float64");
  // The one field that may be missing: what Object.prototype has under its name is none of ours.
  if (from.HasOwnProperty("profile") && flag(from, "profile")) method->profile = std::make_shared<Profile>();
  return method;
}

template <bool kAccelerated>
std::shared_ptr<Method> proximal(const Napi::Object& from) {
  auto method = std::make_shared<ProximalGradient>();
  read_penalty(from, *method);
  method->accelerated = kAccelerated;
  return method;
}

std::shared_ptr<Method> homotopy(const Napi::Object& from) {
  auto method = std::make_shared<Homotopy>();
  read_penalty(from, *method);
  method->float64 = method->wide = flag(from, "float64");
  return method;
}

std::shared_ptr<Method> bpdn(const Napi::Object& from) {
  auto method = std::make_shared<BasisPursuitDenoising>();
  read_convex(from, *method);
  method->epsilon = numbers(from, "epsilon");
  return method;
}

std::shared_ptr<Method> ball(const Napi::Object& from) {
  auto method = std::make_shared<LassoBall>();
  read_convex(from, *method);
  method->radius = numbers(from, "radius");
  return method;
}

std::shared_ptr<Method> reweighted(const Napi::Object& from) {
  auto method = std::make_shared<ReweightedL1>();
  read_convex(from, *method);
  method->lambda = numbers(from, "lambda");
  method->epsilon = numbers(from, "epsilon");
  method->reweightings = whole(from, "reweightings");
  return method;
}

std::shared_ptr<Method> omp(const Napi::Object& from) {
  auto method = std::make_shared<OrthogonalMatchingPursuit>();
  read_greedy(from, *method);
  method->gram_budget = byte_count(from, "gramBudget");
  return method;
}

template <bool kGradient>
std::shared_ptr<Method> matching(const Napi::Object& from) {
  auto method = std::make_shared<MatchingPursuit>();
  read_greedy(from, *method);
  method->max_iterations = whole(from, "maxIterations");
  method->gradient = kGradient;
  return method;
}

template <HardThresholding::Kind kKind>
std::shared_ptr<Method> thresholding(const Napi::Object& from) {
  auto method = std::make_shared<HardThresholding>();
  read_greedy(from, *method);
  method->max_iterations = whole(from, "maxIterations");
  method->tolerance = number(from.Get("tolerance"), "tolerance");
  method->kind = kKind;
  if (kKind == HardThresholding::Kind::htp) method->step_size = number(from.Get("stepSize"), "stepSize");
  return method;
}

std::shared_ptr<Method> amp(const Napi::Object& from) {
  auto method = std::make_shared<MessagePassing>();
  method->lambda = numbers(from, "lambda");
  method->threshold_factor = number(from.Get("thresholdFactor"), "thresholdFactor");
  method->nonnegative = flag(from, "nonnegative");
  method->tolerance = number(from.Get("tolerance"), "tolerance");
  method->max_iterations = whole(from, "maxIterations");
  return method;
}

using Kind = HardThresholding::Kind;

constexpr struct {
  const char* name;
  std::shared_ptr<Method> (*read)(const Napi::Object& from);
} kMethods[] = {
    {"lasso", lasso},
    {"fista", proximal<true>},
    {"ista", proximal<false>},
    {"homotopy", homotopy},
    {"bpdn", bpdn},
    {"l1-ball", ball},
    {"reweighted", reweighted},
    {"omp", omp},
    {"mp", matching<false>},
    {"gradient-pursuit", matching<true>},
    {"iht", thresholding<Kind::iht>},
    {"htp", thresholding<Kind::htp>},
    {"nhtp", thresholding<Kind::nhtp>},
    {"cosamp", thresholding<Kind::cosamp>},
    {"amp", amp},
};

}  // namespace

std::vector<float> weights_of(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  const auto weights = floats(value, "weights");
  return {weights.begin(), weights.end()};
}

std::shared_ptr<Method> read_method(const Napi::Object& from) {
  const std::string name = from.Get("method").ToString();
  for (const auto& method : kMethods)
    if (name == method.name) return method.read(from);
  refuse(Code::option, "method " + name + " does not exist");
}

}  // namespace unsuperpose::node
