#include <atomic>
#include <memory>
#include <utility>

#include "../solvers/knots.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {

/// The paths of a call's samples. Shared by its handle and the job that uses it; lib/knots.ts starts one job at a time, and
/// `busy` makes sure of it.
class Knots {
 public:
  MatrixCopy samples;
  KnotPath path;
  Unfolding answer;
  std::atomic<bool> busy{false};

  Knots(ConstMatrix32 from, std::shared_ptr<const Dictionary> dictionary, UnfoldOptions options)
      : samples(from), path(samples.view(), std::move(dictionary), std::move(options)) {}
  std::size_t bytes() const { return samples.data.bytes(); }
};

namespace {

/// (dictionary, matrix, options) → handle
Napi::Value create_knots(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const Matrix32 borrowed = matrix(call[1], "activations");
  require_dims(borrowed, *dictionary);
  auto knots = std::make_shared<Knots>(borrowed, dictionary, unfold_options(call[2].As<Napi::Object>()));
  require_finite(knots->samples.view(), "activations");
  return Handle<Knots>::wrap(call.Env(), std::move(knots));
}

/// (handle, threads, onProgress, onSettled) → job. Answers an unfolding with `lambda` and `ended`.
Napi::Value next_knot(const Napi::CallbackInfo& call) {
  const auto knots = held<Knots>(call[0]);
  const unsigned limit = threads(call[1]);
  if (knots->busy.exchange(true)) refuse(Code::native, "the path is busy");
  Callbacks callbacks{[knots](Napi::Env env) -> Napi::Value {
                        Napi::Object result = unfolding_object(env, knots->answer);
                        result.Set("ended", knots->path.ended());
                        return result;
                      },
                      nullptr, call[2], call[3].As<Napi::Function>()};
  try {
    const auto id = Environment::of(call.Env())
                        .start(
                            limit,
                            [=](Monitor& monitor) {
                              Status status = knots->path.next({limit, &monitor}, knots->answer);
                              knots->busy.store(false);
                              return status;
                            },
                            std::move(callbacks));
    return Napi::Number::New(call.Env(), id);
  } catch (...) {
    knots->busy.store(false);
    throw;
  }
}

}  // namespace

void add_knots(Napi::Object exports) {
  add<create_knots>(exports, "createKnots");
  add<next_knot>(exports, "nextKnot");
}

}  // namespace unsuperpose::node
