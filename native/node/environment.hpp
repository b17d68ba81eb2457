// One JavaScript environment (the main thread or a worker) and the asynchronous calls that it waits for.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "../core/monitor.hpp"
#include "../core/status.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// The part of an asynchronous call that threads share. Owned by the pool's queue and the environment together,
/// destroyed by whichever lets go last, so it holds nothing of JavaScript.
struct Job {
  enum class Stage : int { queued, running, finished };

  Monitor monitor;
  std::function<Status(Monitor&)> work;  // dropped, with all inputs it holds, as soon as it has run
  Status status;
  std::atomic<Stage> stage{Stage::queued};
  std::atomic<bool> news{false};  // progress that JavaScript has not seen
  std::atomic<int> gone{0};       // 1 once no thread will touch the environment for this job
};

/// What JavaScript is called with. Lives on the JavaScript thread only.
struct Callbacks {
  std::function<Napi::Value(Napi::Env)> answer;   // the result of a job that went well
  std::function<Napi::Value(Napi::Env)> figures;  // what on_progress gets; by default (done, total)
  Napi::Value on_progress;                        // a function or undefined
  Napi::Function on_settled;                      // (error | undefined, result)
};

/// Instance data. Owned by the environment; all members run on its thread.
class Environment {
 public:
  enum class Array { float32, float64, uint8, uint32 };

  /// Creates the data of `env` and its cleanup hook.
  static void attach(Napi::Env env);
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
  explicit Environment(Napi::Env env);
  ~Environment();

  /// Queues `work` on the pool. on_settled is called exactly once, unless the environment ends first.
  std::uint32_t start(unsigned threads, std::function<Status(Monitor&)> work, Callbacks callbacks);
  /// Asks a job to stop; one that still waits for a thread settles at once. Unknown ids are ignored.
  void cancel(std::uint32_t id);

  /// A new typed array made by its JavaScript constructor, which throws where the C function would abort.
  Napi::TypedArray make_array(Array type, std::size_t length) const;

 private:
  struct Entry;
  struct Doorbell;

  void listen();
  void drain();
  void settle(Entry& entry);
  void shut_down();

  Napi::Env env_;
  Napi::FunctionReference constructors_[4];
  std::shared_ptr<Doorbell> doorbell_;
  std::map<std::uint32_t, std::shared_ptr<Entry>> entries_;
  std::uint32_t next_id_ = 1;
};

}  // namespace unsuperpose::node
