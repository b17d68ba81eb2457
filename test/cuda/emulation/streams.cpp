// Streams, which do their work early or late, and events.
#include "devices.hpp"

#include <algorithm>
#include <utility>

namespace unsuperpose::cuda::emulation {

void run_until(EmulatedStream& stream, std::uint64_t ticket) {
  while (stream.done < ticket && !stream.queue.empty()) {
    const auto task = std::move(stream.queue.front());
    stream.queue.pop_front();
    task();
    ++stream.done;
  }
}

void run_everything() {
  run_all(*runtime().null_stream);
  for (const auto& stream : runtime().streams) run_all(*stream);
}

cudaError_t ask(cudaStream_t stream, std::function<void()> task, bool counts) {
  Runtime& r = runtime();
  const auto to = r.find(stream);
  if (!to) return cudaErrorInvalidResourceHandle;
  ++to->asked;
  to->queue.push_back([task = std::move(task), counts, &r] {
    if (counts && ++r.operations == r.faults.lost_at) r.lost = true;
    if (!r.lost) task();
  });
  if (!stream || r.draw.below(2) == 0) run_all(*to);
  return cudaSuccess;
}

}  // namespace unsuperpose::cuda::emulation

using namespace unsuperpose::cuda::emulation;

cudaError_t cudaDeviceSynchronize() {
  const Starting call;
  run_everything();
  return answer(state());
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Starting call;
  *stream = nullptr;
  if (call.error != cudaSuccess) return answer(call.error);
  runtime().streams.push_back(std::make_shared<EmulatedStream>());
  *stream = runtime().streams.back().get();
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Call call;
  const auto found = runtime().find(stream);
  if (!stream || !found) return answer(cudaErrorInvalidResourceHandle);
  run_all(*found);
  auto& streams = runtime().streams;
  streams.erase(std::find(streams.begin(), streams.end(), found));
  return answer(state());
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Call call;
  const auto found = runtime().find(stream);
  if (!found) return answer(cudaErrorInvalidResourceHandle);
  run_all(*found);
  return answer(state());
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Call call;
  const auto found = runtime().find(stream);
  if (!found) return answer(cudaErrorInvalidResourceHandle);
  if (found->queue.empty()) return answer(state());
  run_until(*found, found->done + 1);
  return cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Call call;
  if (call.error != cudaSuccess || !event->stream) return answer(call.error);
  return answer(ask(
      stream, [other = event->stream, ticket = event->ticket] { run_until(*other, ticket); }, false));
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const Starting call;
  *event = call.error == cudaSuccess ? new EmulatedEvent : nullptr;
  return answer(call.error);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Call call;
  run_everything();
  delete event;
  return answer(state());
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Call call;
  if (call.error != cudaSuccess) return answer(call.error);
  const auto found = runtime().find(stream);
  if (!found) return answer(cudaErrorInvalidResourceHandle);
  event->stream = found;
  event->ticket = found->asked + 1;
  return answer(ask(
      stream, [event] { event->when = std::chrono::steady_clock::now(); }, false));
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Call call;
  if (event->stream) run_until(*event->stream, event->ticket);
  return answer(state());
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Call call;
  if (!event->stream || event->stream->done >= event->ticket) return answer(state());
  run_until(*event->stream, event->stream->done + 1);
  return cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  const Call call;
  if (call.error != cudaSuccess) return answer(call.error);
  for (const cudaEvent_t event : {from, to}) {
    if (!event->stream) return answer(cudaErrorInvalidResourceHandle);
    if (event->stream->done < event->ticket) return answer(cudaErrorNotReady);
  }
  *milliseconds = std::chrono::duration<float, std::milli>(to->when - from->when).count();
  return cudaSuccess;
}
