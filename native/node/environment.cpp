#include "environment.hpp"

#include <chrono>
#include <mutex>
#include <string>

#include "../core/cancellation.hpp"
#include "../core/condition.hpp"
#include "../core/thread_pool.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

/// How threads call JavaScript: at most one call is under way, it looks at all jobs. Shared with the threads, which may ring it
/// after the environment is gone: it answers nothing then.
struct Environment::Doorbell {
  std::mutex mutex;
  Condition left;
  napi_threadsafe_function function = nullptr;  // null once the environment ends
  unsigned running = 0;                         // jobs that threads work for
  std::atomic<bool> rung{false};

  void ring() {
    if (rung.exchange(true, std::memory_order_acq_rel)) return;
    std::lock_guard lock(mutex);
    if (function) napi_call_threadsafe_function(function, nullptr, napi_tsfn_nonblocking);
  }

  void come() {
    std::lock_guard lock(mutex);
    ++running;
  }
  void leave() {
    std::lock_guard lock(mutex);
    if (--running == 0) left.notify_all();
  }

  /// Nobody calls JavaScript any more. Waits for the threads, but not for long: what they work with is theirs.
  void close(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    std::unique_lock lock(mutex);
    function = nullptr;
    while (running > 0 && std::chrono::steady_clock::now() < until) left.wait_for(lock, patience);
  }
};

/// A job with its JavaScript side.
struct Environment::Entry {
  std::shared_ptr<Job> job;
  std::function<Napi::Value(Napi::Env)> answer, figures;
  Napi::FunctionReference on_progress, on_settled;
  ReportedBytes copied;
  std::vector<std::shared_ptr<Counted>> used;
};

namespace {

/// An environment that ends waits so long for the threads of its jobs, which have been told to stop. Those that need longer stop
/// later: nothing that they touch ends with it.
constexpr std::chrono::milliseconds kPatience{300};

/// What Monitor::listen needs to ring.
struct Listener {
  Job* job;
  void (*ring)(void*);
  void* doorbell;
};

void finish(Job& job, Status status) {
  job.work = nullptr;
  job.status = std::move(status);
  job.stage.store(Job::Stage::finished, std::memory_order_release);
}

/// Whether the caller is the one to run it, or to drop it.
bool take(Job& job) {
  Job::Stage expected = Job::Stage::queued;
  return job.stage.compare_exchange_strong(expected, Job::Stage::running, std::memory_order_acq_rel);
}

bool finished(const Job& job) { return job.stage.load(std::memory_order_acquire) == Job::Stage::finished; }

/// Asks its threads to stop; if there is none yet, it never runs.
void stop(Job& job) {
  job.monitor.cancel();
  if (take(job)) finish(job, Status::cancelled());
}

void run(Job& job) {
  const cancellation::Scope scope(&job.monitor);
  finish(job,
         job.monitor.cancelled() ? Status::cancelled() : status_of([&] { return job.work(job.monitor); }));
}

}  // namespace

void Environment::attach(Napi::Env env) { env.SetInstanceData(new Environment(env)); }

Environment::Environment(Napi::Env env) : env_(env), tray_(env), doorbell_(std::make_shared<Doorbell>()) {
  const char* names[] = {"Float32Array", "Float64Array", "Uint8Array", "Uint32Array"};
  for (std::size_t i = 0; i < 4; ++i) {
    constructors_[i] = Napi::Persistent(env.Global().Get(names[i]).As<Napi::Function>());
    constructors_[i].SuppressDestruct();  // freed with the environment, which may be gone by then
  }
  listen();
}

Environment::~Environment() = default;

void Environment::listen() {
  const auto on_ring = [](napi_env env, napi_value, void* context, void*) {
    if (env) static_cast<Environment*>(context)->drain();
  };
  napi_status status =
      napi_create_threadsafe_function(env_, nullptr, nullptr, Napi::String::New(env_, "unsuperpose"), 0, 1,
                                      nullptr, nullptr, this, on_ring, &doorbell_->function);
  if (status == napi_ok) status = napi_unref_threadsafe_function(env_, doorbell_->function);
  // Hooks run in reverse order: this one, after which nobody calls the function, before the function's own.
  if (status == napi_ok)
    status = napi_add_env_cleanup_hook(
        env_, [](void* self) { static_cast<Environment*>(self)->shut_down(); }, this);
  if (status != napi_ok) throw make_error(env_, Code::native, "could not set up asynchronous calls");
}

std::uint32_t Environment::start(unsigned threads, std::function<Status(Monitor&)> work,
                                 Callbacks callbacks) {
  auto entry = std::make_shared<Entry>();
  auto job = entry->job = std::make_shared<Job>();
  job->work = std::move(work);
  entry->answer = std::move(callbacks.answer);
  entry->figures = std::move(callbacks.figures);
  entry->on_settled = Napi::Persistent(callbacks.on_settled);
  auto doorbell = doorbell_;
  std::shared_ptr<Listener> listener;
  if (callbacks.on_progress.IsFunction()) {
    entry->on_progress = Napi::Persistent(callbacks.on_progress.As<Napi::Function>());
    listener = std::make_shared<Listener>(
        Listener{job.get(), [](void* bell) { static_cast<Doorbell*>(bell)->ring(); }, doorbell.get()});
    job->monitor.listen(
        [](void* context) {
          const auto& heard = *static_cast<Listener*>(context);
          if (!heard.job->news.exchange(true, std::memory_order_acq_rel)) heard.ring(heard.doorbell);
        },
        listener.get());
  }
  const std::function<void()> body = [job, doorbell, listener] {
    doorbell->come();
    if (take(*job)) {
      run(*job);
      doorbell->ring();
    }
    doorbell->leave();
  };

  drop_stopped();
  stopping_.reserve(stopping_.size() + entries_.size() + 1);  // settling must not fail for want of memory
  const std::uint32_t id = next_id_++;
  entries_.emplace(id, entry);
  try {
    if (!ThreadPool::instance().submit(body, threads)) stranded_.push_back(body);
  } catch (...) {
    entries_.erase(id);
    throw;
  }
  if (entries_.size() == 1) napi_ref_threadsafe_function(env_, doorbell_->function);
  if (!stranded_.empty()) doorbell_->ring();
  CallMemory& memory = CallMemory::now();
  entry->used = std::move(memory.used);
  entry->copied = ReportedBytes(env_);
  entry->copied.set(memory.copied);
  return id;
}

void Environment::cancel(std::uint32_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  stop(*found->second->job);
  doorbell_->ring();
}

void Environment::drain() {
  doorbell_->rung.store(false, std::memory_order_release);
  drop_stopped();
  if (!stranded_.empty()) {
    // One at a time: what waits in the event loop has its turn in between.
    const std::function<void()> body = std::move(stranded_.front());
    stranded_.erase(stranded_.begin());
    body();
    if (!stranded_.empty()) doorbell_->ring();
  }
  for (auto found = entries_.begin(); found != entries_.end();) {
    const std::uint32_t id = found->first;
    const std::shared_ptr<Entry> entry = found->second;
    // Asked before the report, or a job that ends meanwhile would lose its last one; its end rings again.
    const bool over = finished(*entry->job);
    // The callbacks of lib/ do not throw, unless the environment is being terminated or its code is broken: in no case may the
    // others be lost by it.
    try {
      Napi::HandleScope scope(env_);
      report(*entry);
    } catch (const Napi::Error&) {
    }
    if (over || entry->job->monitor.cancelled()) {
      forget(id);
      try {
        Napi::HandleScope scope(env_);
        settle(*entry);
      } catch (const Napi::Error&) {
      }
    }
    found = entries_.upper_bound(id);  // calls may have come and gone
  }
}

void Environment::report(Entry& entry) {
  Job& job = *entry.job;
  if (!job.news.exchange(false, std::memory_order_acq_rel) || job.monitor.cancelled() ||
      entry.on_progress.IsEmpty())
    return;
  if (entry.figures)
    entry.on_progress.Call({entry.figures(env_)});
  else
    entry.on_progress.Call({Napi::Number::New(env_, static_cast<double>(job.monitor.done())),
                            Napi::Number::New(env_, static_cast<double>(job.monitor.total()))});
}

/// JavaScript waits for it no longer. What its threads still hold counts until they have stopped.
void Environment::forget(std::uint32_t id) {
  const auto found = entries_.find(id);
  Entry& entry = *found->second;
  if (!finished(*entry.job)) stopping_.emplace_back(entry.job, std::move(entry.copied));
  entry.copied.set(0);
  for (const auto& handle : entry.used) handle->count_again();
  entries_.erase(found);
  if (entries_.empty()) napi_unref_threadsafe_function(env_, doorbell_->function);
}

void Environment::drop_stopped() {
  std::erase_if(stopping_, [](const auto& one) { return finished(*one.first); });
}

void Environment::settle(Entry& entry) {
  const Job& job = *entry.job;
  Napi::Value result = env_.Undefined(), error = env_.Undefined();
  // The status of a job that was cancelled may still be written.
  Status status = job.monitor.cancelled() ? Status::cancelled() : job.status;
  if (status.ok()) {
    try {
      status = status_of([&] {
        result = entry.answer(env_);
        return Status{};
      });
    } catch (const Napi::Error& thrown) {
      error = thrown.Value();
    }
  }
  if (!status.ok()) error = make_error(env_, status.code, status.message).Value();
  entry.on_settled.Call({error, result});
}

void Environment::shut_down() {
  for (auto& [id, entry] : entries_) stop(*entry->job);
  doorbell_->close(kPatience);
  entries_.clear();
  stranded_.clear();
  stopping_.clear();
}

Napi::TypedArray Environment::make_array(Array type, std::size_t length) const {
  static constexpr std::size_t kSizes[] = {sizeof(float), sizeof(double), sizeof(std::uint8_t),
                                           sizeof(std::uint32_t)};
  const auto kind = static_cast<std::size_t>(type);
  try {
    return constructors_[kind]
        .New({Napi::Number::New(env_, static_cast<double>(length))})
        .As<Napi::TypedArray>();
  } catch (const Napi::Error& error) {
    if (error.Get("name").ToString().Utf8Value() != "RangeError") throw;
  }
  throw OutOfMemory(bytes_of(length, kSizes[kind]));
}

}  // namespace unsuperpose::node
