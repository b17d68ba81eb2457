// One JavaScript environment (the main thread or a worker) and the asynchronous calls that it waits for.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "../core/monitor.hpp"
#include "../core/status.hpp"
#include "memory.hpp"
#include "napi.hpp"
#include "tray.hpp"

namespace unsuperpose::node {

/// The part of an asynchronous call that threads share. Owned by the pool's queue and the environment together,
/// destroyed by whichever lets go last, so it holds nothing of JavaScript.
struct Job {
  enum class Stage : int { queued, running, finished };

  Monitor monitor;
  std::function<Status(Monitor&)> work;  // dropped, with all inputs it holds, as soon as it has run
  Status status;                         // to be read once finished
  std::atomic<Stage> stage{Stage::queued};
  std::atomic<bool> news{false};  // progress that JavaScript has not seen
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

  /// Queues `work` on the pool; where the system grants no thread at all, it runs on this one, from the event loop. on_settled is
  /// called exactly once, unless the environment ends first. What the running export has copied for the job (memory.hpp) counts as
  /// its memory, and the handles that it used are counted again once the job has settled.
  std::uint32_t start(unsigned threads, std::function<Status(Monitor&)> work, Callbacks callbacks);
  /// Settles a job at once, and asks its threads to stop. Unknown ids are ignored.
  void cancel(std::uint32_t id);

  /// A new typed array made by its JavaScript constructor, which throws where the C function would abort. ERR_TOO_LARGE with the
  /// bytes where there is no memory for it.
  Napi::TypedArray make_array(Array type, std::size_t length) const;
  Tray& tray() { return tray_; }

 private:
  struct Entry;
  struct Doorbell;

  void listen();
  void drain();
  void report(Entry& entry);
  void settle(Entry& entry);
  void forget(std::uint32_t id);
  void drop_stopped();
  void shut_down();

  Napi::Env env_;
  Napi::FunctionReference constructors_[4];
  Tray tray_;
  std::shared_ptr<Doorbell> doorbell_;
  std::map<std::uint32_t, std::shared_ptr<Entry>> entries_;
  std::vector<std::function<void()>> stranded_;  // jobs that no thread of the pool can run
  /// Cancelled jobs that have settled while threads still work for them, with the memory that they hold.
  std::vector<std::pair<std::shared_ptr<Job>, ReportedBytes>> stopping_;
  std::uint32_t next_id_ = 1;
};

}  // namespace unsuperpose::node
