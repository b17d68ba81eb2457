#include "environment.hpp"

#include <string>
#include <utility>
#include <vector>

#include "../core/thread_pool.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

/// How threads call JavaScript: at most one call is under way, it looks at all jobs.
/// Rung only by jobs that are not yet `gone`, which shut_down() waits for.
struct Environment::Doorbell {
  napi_threadsafe_function function = nullptr;
  std::atomic<bool> rung{false};

  void ring() {
    if (!rung.exchange(true, std::memory_order_acq_rel))
      napi_call_threadsafe_function(function, nullptr, napi_tsfn_nonblocking);
  }
};

/// A job with its JavaScript side.
struct Environment::Entry {
  std::shared_ptr<Job> job;
  std::function<Napi::Value(Napi::Env)> answer, figures;
  Napi::FunctionReference on_progress, on_settled;
};

namespace {

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

void let_go(Job& job) {
  job.gone.store(1, std::memory_order_release);
  job.gone.notify_all();
}

/// Takes a job that no thread has begun; false if one has.
bool take_back(Job& job) {
  Job::Stage expected = Job::Stage::queued;
  if (!job.stage.compare_exchange_strong(expected, Job::Stage::running, std::memory_order_acq_rel))
    return false;
  finish(job, Status::cancelled());
  return true;
}

Status run(Job& job) {
  try {
    return job.work(job.monitor);
  } catch (const Refusal& refusal) {
    return Status::fail(refusal.code, refusal.message);
  } catch (const std::bad_alloc&) {
    return Status::fail(Code::too_large, kOutOfMemory);
  } catch (...) {
    return Status::fail(Code::native, "an unexpected native failure");
  }
}

}  // namespace

void Environment::attach(Napi::Env env) { env.SetInstanceData(new Environment(env)); }

Environment::Environment(Napi::Env env) : env_(env), doorbell_(std::make_shared<Doorbell>()) {
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
  // Hooks run in reverse order: this one, which waits for all threads, before the function's own.
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

  ThreadPool::instance().ensure(threads);
  const std::uint32_t id = next_id_++;
  entries_.emplace(id, entry);
  if (entries_.size() == 1) napi_ref_threadsafe_function(env_, doorbell_->function);
  try {
    ThreadPool::instance().submit([job, doorbell, listener] {
      Job::Stage expected = Job::Stage::queued;
      if (!job->stage.compare_exchange_strong(expected, Job::Stage::running, std::memory_order_acq_rel))
        return;
      finish(*job, job->monitor.cancelled() ? Status::cancelled() : run(*job));
      doorbell->ring();
      let_go(*job);
    });
  } catch (...) {
    entries_.erase(id);
    if (entries_.empty()) napi_unref_threadsafe_function(env_, doorbell_->function);
    throw;
  }
  return id;
}

void Environment::cancel(std::uint32_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Job& job = *found->second->job;
  job.monitor.cancel();
  if (take_back(job)) {
    let_go(job);
    doorbell_->ring();
  }
}

void Environment::drain() {
  doorbell_->rung.store(false, std::memory_order_release);
  std::vector<std::uint32_t> ids;
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  for (std::uint32_t id : ids) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) continue;
    const std::shared_ptr<Entry> entry = found->second;
    Job& job = *entry->job;
    const bool finished = job.stage.load(std::memory_order_acquire) == Job::Stage::finished;
    try {
      Napi::HandleScope scope(env_);
      if (job.news.exchange(false, std::memory_order_acq_rel) && !job.monitor.cancelled() &&
          !entry->on_progress.IsEmpty()) {
        if (entry->figures)
          entry->on_progress.Call({entry->figures(env_)});
        else
          entry->on_progress.Call({Napi::Number::New(env_, static_cast<double>(job.monitor.done())),
                                   Napi::Number::New(env_, static_cast<double>(job.monitor.total()))});
      }
      if (finished) {
        entries_.erase(id);
        if (entries_.empty()) napi_unref_threadsafe_function(env_, doorbell_->function);
        settle(*entry);
      }
    } catch (...) {
      // The callbacks of lib/ never throw: the environment is being terminated.
      return;
    }
  }
}

void Environment::settle(Entry& entry) {
  Status& status = entry.job->status;
  Napi::Value result = env_.Undefined(), error = env_.Undefined();
  if (status.ok() && !entry.job->monitor.cancelled()) {
    try {
      result = entry.answer(env_);
    } catch (const Napi::Error& thrown) {
      error = thrown.Value();
    } catch (const Refusal& refusal) {
      error = make_error(env_, refusal.code, refusal.message).Value();
    } catch (const std::bad_alloc&) {
      error = make_error(env_, Code::too_large, kOutOfMemory).Value();
    }
  } else {
    if (status.ok()) status = Status::cancelled();
    error = make_error(env_, status.code, status.message).Value();
  }
  entry.on_settled.Call({error, result});
}

void Environment::shut_down() {
  for (auto& [id, entry] : entries_) {
    entry->job->monitor.cancel();
    if (take_back(*entry->job)) let_go(*entry->job);
  }
  for (auto& [id, entry] : entries_) entry->job->gone.wait(0, std::memory_order_acquire);
  entries_.clear();
}

Napi::TypedArray Environment::make_array(Array type, std::size_t length) const {
  const auto& constructor = constructors_[static_cast<std::size_t>(type)];
  return constructor.New({Napi::Number::New(env_, static_cast<double>(length))}).As<Napi::TypedArray>();
}

}  // namespace unsuperpose::node
