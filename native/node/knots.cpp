#include <memory>
#include <utility>

#include "../solvers/knots.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {

/// The paths of a call's samples. Shared by its handle and the job that uses it.
class Knots {
 public:
  MatrixCopy samples;
  KnotPath path;
  Turns turns;

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

/// (handle, threads, onProgress, onSettled) → job. Answers an unfolding with `ended`.
Napi::Value next_knot(const Napi::CallbackInfo& call) {
  struct Knot {
    Unfolding unfolding;
    bool ended = false;
  };
  const auto knots = held<Knots>(call[0]);
  return start_job<Knot>(
      call, 1,
      [=, turn = knots->turns.take("the path")](const Execution& execution, Knot& out) {
        const Status status = knots->path.next(execution, out.unfolding);
        out.ended = knots->path.ended();
        return status;
      },
      [](Napi::Env env, const Knot& knot) {
        Napi::Object result = unfolding_object(env, knot.unfolding);
        result.Set("ended", knot.ended);
        return result;
      });
}

}  // namespace

void add_knots(Napi::Object exports) {
  add<create_knots, 3>(exports, "createKnots");
  add<next_knot, 4>(exports, "nextKnot");
}

}  // namespace unsuperpose::node
