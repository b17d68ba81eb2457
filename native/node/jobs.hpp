// Asynchronous exports: each reads its arguments, then starts one job here.
#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "../core/execution.hpp"
#include "arguments.hpp"
#include "environment.hpp"

namespace unsuperpose::node {

/// Queues `work` on the pool and returns the job's id. The call's last three arguments, from `at` on, are threads (which may name a
/// device: execution_of), onProgress and onSettled. `work` fills an answer on a thread of the pool; `reply` makes JavaScript of it,
/// on the environment's thread. onProgress gets (done, total), or what `figures` makes.
/// What `work` holds is let go as soon as it has run, or once the job is cancelled before it ran.
template <class Answer>
Napi::Value start_job(const Napi::CallbackInfo& call, std::size_t at,
                      std::function<Status(const Execution&, Answer&)> work,
                      std::function<Napi::Value(Napi::Env, Answer&)> reply,
                      std::function<Napi::Value(Napi::Env)> figures = nullptr) {
  const Execution asked = execution_of(call[at]);
  auto answer = std::make_shared<Answer>();
  const auto id =
      Environment::of(call.Env())
          .start(asked.threads,
                 [asked, answer, work = std::move(work)](Monitor& monitor) {
                   Execution execution = asked;
                   execution.monitor = &monitor;
                   return work(execution, *answer);
                 },
                 {[answer, reply = std::move(reply)](Napi::Env env) { return reply(env, *answer); },
                  std::move(figures), call[at + 1], call[at + 2].As<Napi::Function>()});
  return Napi::Number::New(call.Env(), id);
}

/// One job at a time may use what a handle holds. lib/ sees to it, and this makes sure of it.
class Turns {
 public:
  /// A turn lasts until its last copy goes: the job's work holds one. ERR_NATIVE while another lasts.
  std::shared_ptr<void> take(const char* what) {
    if (taken_->exchange(true)) refuse(Code::native, std::string(what) + " is busy");
    return {nullptr, [taken = taken_](void*) { taken->store(false); }};
  }

 private:
  std::shared_ptr<std::atomic<bool>> taken_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace unsuperpose::node
