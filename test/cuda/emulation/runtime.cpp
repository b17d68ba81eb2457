// The CUDA runtime's part: devices, memory, streams that do their work early or late, faults.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "machine.hpp"

using unsuperpose::cuda::emulation::Draw;
using unsuperpose::cuda::emulation::Faults;

/// What was asked of a stream and is not done; tickets count what was asked.
struct EmulatedStream {
  std::deque<std::function<void()>> queue;
  std::uint64_t asked = 0, done = 0;
};
struct EmulatedEvent {
  std::shared_ptr<EmulatedStream> stream;
  std::uint64_t ticket = 0;
  std::chrono::steady_clock::time_point when;
};

namespace unsuperpose::cuda::emulation {
namespace {

constexpr std::size_t kGuard = 256;
constexpr unsigned char kGuardByte = 0xA5;

struct Block {
  std::size_t bytes;
  int device;  // -1: pinned memory of the host
};

struct Runtime {
  std::recursive_mutex mutex;
  Faults faults;
  std::map<unsigned char*, Block> blocks;
  std::map<int, std::uint64_t> used;
  std::map<const void*, std::size_t> shared_limits;
  std::vector<std::shared_ptr<EmulatedStream>> streams;
  std::shared_ptr<EmulatedStream> null_stream = std::make_shared<EmulatedStream>();

  std::shared_ptr<EmulatedStream> find(cudaStream_t stream) const {
    if (!stream) return null_stream;
    for (const auto& each : streams)
      if (each.get() == stream) return each;
    return nullptr;
  }
  std::uint64_t operations = 0, launches = 0;
  bool lost = false;
  Draw draw;
};

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

Faults from_environment() {
  Faults f;
  f.devices = static_cast<int>(number("UNSUPERPOSE_EMULATED_DEVICES", 1));
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES")) {
    // As the driver reads it: numbers up to the first that is no device's.
    int count = 0;
    for (const char* at = visible; count < f.devices; ++count) {
      char* end = nullptr;
      const long device = std::strtol(at, &end, 10);
      if (end == at || device < 0 || device >= f.devices) break;
      at = *end == ',' ? end + 1 : end;
    }
    f.devices = count;
  }
  f.driver = static_cast<int>(number("UNSUPERPOSE_EMULATED_DRIVER", 13000));
  f.capability = static_cast<int>(number("UNSUPERPOSE_EMULATED_CC", 90));
  f.memory = number("UNSUPERPOSE_EMULATED_MEMORY", f.memory);
  f.lost_at = number("UNSUPERPOSE_EMULATED_LOST", 0);
  f.seed = number("UNSUPERPOSE_EMULATED_SEED", 0);
  return f;
}

Runtime& runtime() {
  static Runtime* const one = [] {
    auto* made = new Runtime;
    made->faults = from_environment();
    made->draw.seed(made->faults.seed);
    return made;
  }();
  return *one;
}

thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;

cudaError_t answer(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}

/// What every call that uses the device comes to first.
cudaError_t state() {
  const Runtime& r = runtime();
  if (r.faults.driver < 13000) return cudaErrorInsufficientDriver;
  if (r.faults.devices == 0) return cudaErrorNoDevice;
  return r.lost ? cudaErrorIllegalAddress : cudaSuccess;
}

struct Call {
  Call() : lock(runtime().mutex), error(state()) {}
  std::lock_guard<std::recursive_mutex> lock;
  cudaError_t error;
};

int capability_major() { return runtime().faults.capability / 10; }
std::size_t shared_optin() {
  switch (runtime().faults.capability) {
    case 80:
    case 87: return 163 * 1024;
    case 90:
    case 100: return 227 * 1024;
    default: return 99 * 1024;
  }
}

void run_until(EmulatedStream& stream, std::uint64_t ticket) {
  while (stream.done < ticket && !stream.queue.empty()) {
    const auto task = std::move(stream.queue.front());
    stream.queue.pop_front();
    task();
    ++stream.done;
  }
}
void run_all(EmulatedStream& stream) { run_until(stream, stream.asked); }
void run_everything() {
  run_all(*runtime().null_stream);
  for (const auto& stream : runtime().streams) run_all(*stream);
}

/// A task that uses the device, or with `counts` false one that only orders others.
cudaError_t ask(cudaStream_t stream, std::function<void()> task, bool counts = true) {
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

/// The block that these bytes lie in, or null.
const Block* find(const void* at, std::size_t bytes) {
  Runtime& r = runtime();
  auto* const from = static_cast<unsigned char*>(const_cast<void*>(at));
  auto next = r.blocks.upper_bound(from);
  if (next == r.blocks.begin()) return nullptr;
  --next;
  return from + bytes <= next->first + next->second.bytes ? &next->second : nullptr;
}

cudaError_t take(void** memory, std::size_t bytes, int device) {
  Runtime& r = runtime();
  *memory = nullptr;
  if (bytes == 0) return cudaSuccess;
  // As a device does it: in pieces of 2 MiB for what is large, of 512 bytes else.
  const std::uint64_t piece = bytes >= std::size_t{1} << 20 ? std::uint64_t{2} << 20 : 512;
  if (device >= 0) {
    const std::uint64_t left = r.faults.memory - std::min(r.faults.memory, r.used[device]);
    if (bytes > left || (bytes + piece - 1) / piece * piece > left) return cudaErrorMemoryAllocation;
  }
  auto* made = static_cast<unsigned char*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256 + 2 * kGuard));
  if (!made) return cudaErrorMemoryAllocation;
  std::memset(made, kGuardByte, kGuard);
  std::memset(made + kGuard, 0xFF, bytes);  // NaN
  std::memset(made + kGuard + bytes, kGuardByte, kGuard);
  forbid(made, kGuard);
  forbid(made + kGuard + bytes, kGuard);
  if (device >= 0) r.used[device] += (bytes + piece - 1) / piece * piece;
  r.blocks[made + kGuard] = {bytes, device};
  *memory = made + kGuard;
  return cudaSuccess;
}

cudaError_t give(void* memory, bool pinned) {
  Runtime& r = runtime();
  if (!memory) return cudaSuccess;
  run_everything();
  const auto found = r.blocks.find(static_cast<unsigned char*>(memory));
  if (found == r.blocks.end() || (found->second.device < 0) != pinned) return cudaErrorInvalidValue;
  const auto [bytes, device] = found->second;
  unsigned char* const made = found->first - kGuard;
  allow(made, bytes + 2 * kGuard);
  for (std::size_t i = 0; i < kGuard; ++i)
    if (made[i] != kGuardByte || made[kGuard + bytes + i] != kGuardByte) {
      std::fprintf(stderr, "emulation: something was written %s an allocation of %zu bytes\n",
                   made[i] != kGuardByte ? "before" : "past the end of", bytes);
      std::abort();
    }
  const std::uint64_t piece = bytes >= std::size_t{1} << 20 ? std::uint64_t{2} << 20 : 512;
  if (device >= 0) r.used[device] -= (bytes + piece - 1) / piece * piece;
  r.blocks.erase(found);
  std::free(made);
  return cudaSuccess;
}

/// Whether the device can reach these bytes from the side that `kind` says.
bool fits(const void* at, std::size_t bytes, bool device) {
  const Block* block = find(at, bytes);
  return device ? block && block->device >= 0 : !block || block->device < 0;
}

/// Copies rows; what a host's pageable memory gives is read at once, and what it gets is there on return, as with a GPU.
cudaError_t copy(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                 std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  if (width == 0 || height == 0) return cudaSuccess;
  const std::size_t to_bytes = to_pitch * (height - 1) + width,
                    from_bytes = from_pitch * (height - 1) + width;
  if (kind != cudaMemcpyDefault) {
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (!fits(to, to_bytes, to_device) || !fits(from, from_bytes, from_device)) return cudaErrorInvalidValue;
  }
  const auto rows = [=](const void* source) {
    for (std::size_t i = 0; i < height; ++i)
      std::memcpy(static_cast<unsigned char*>(to) + i * to_pitch,
                  static_cast<const unsigned char*>(source) + i * from_pitch, width);
  };
  const bool reads_pageable = !find(from, from_bytes), writes_pageable = !find(to, to_bytes);
  if (reads_pageable) {
    const auto* bytes = static_cast<const unsigned char*>(from);
    auto staged = std::make_shared<std::vector<unsigned char>>(bytes, bytes + from_bytes);
    const cudaError_t error = ask(stream, [rows, staged] { rows(staged->data()); });
    if (error != cudaSuccess || !writes_pageable) return error;
  } else {
    const cudaError_t error = ask(stream, [rows, from] { rows(from); });
    if (error != cudaSuccess || !writes_pageable) return error;
  }
  run_all(*runtime().find(stream));
  return state();
}

}  // namespace

Faults& faults() { return runtime().faults; }

void start_afresh() {
  const std::lock_guard lock(runtime().mutex);
  Runtime& r = runtime();
  r.lost = false;
  r.operations = r.launches = 0;
  r.draw.seed(r.faults.seed);
  last_error = cudaSuccess;
  current_device = 0;
}

cudaError_t set_shared_limit(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Call call;
  if (call.error != cudaSuccess) return answer(call.error);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || static_cast<std::size_t>(value) > shared_optin()) return answer(cudaErrorInvalidValue);
  runtime().shared_limits[kernel] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

void enqueue(const char* name, const void* kernel, dim3 grid, dim3 block, std::size_t shared,
             cudaStream_t stream, Place at, std::function<void()> body) {
  const Call call;
  Runtime& r = runtime();
  if (call.error != cudaSuccess) return void(answer(call.error));
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64 || grid.x == 0 || grid.x > 0x7FFFFFFFu || grid.y == 0 ||
      grid.y > 65535 || grid.z == 0 || grid.z > 65535)
    return void(answer(cudaErrorInvalidConfiguration));
  const auto limit = r.shared_limits.find(kernel);
  if (shared > std::max<std::size_t>(48 * 1024, limit == r.shared_limits.end() ? 0 : limit->second))
    return void(answer(cudaErrorInvalidValue));
  const std::uint64_t seed = r.faults.seed * 1000003 + r.launches++;
  answer(ask(stream, [=, body = std::move(body)] { run_grid(name, at, grid, block, shared, seed, body); }));
}

}  // namespace unsuperpose::cuda::emulation

using namespace unsuperpose::cuda::emulation;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorUnknown: break;
  }
  return "cudaErrorUnknown";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorNotReady: return "device not ready";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorUnknown: break;
  }
  return "unknown error";
}
cudaError_t cudaPeekAtLastError() {
  const std::lock_guard lock(runtime().mutex);
  return runtime().lost ? cudaErrorIllegalAddress : last_error;
}
cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = runtime().faults.driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  const Call call;
  *count = 0;
  if (call.error == cudaErrorInsufficientDriver || call.error == cudaErrorNoDevice) return answer(call.error);
  *count = runtime().faults.devices;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  const Call call;
  if (call.error != cudaSuccess) return answer(call.error);
  if (device < 0 || device >= runtime().faults.devices) return answer(cudaErrorInvalidDevice);
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  const Call call;
  *device = current_device;
  return answer(call.error);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const Call call;
  if (call.error != cudaSuccess) return answer(call.error);
  if (device < 0 || device >= runtime().faults.devices) return answer(cudaErrorInvalidDevice);
  *properties = cudaDeviceProp{};
  std::snprintf(properties->name, sizeof properties->name, "emulated");
  properties->totalGlobalMem = runtime().faults.memory;
  properties->sharedMemPerBlock = 48 * 1024;
  properties->sharedMemPerBlockOptin = shared_optin();
  properties->sharedMemPerMultiprocessor = shared_optin() + 1024;
  properties->major = capability_major();
  properties->minor = runtime().faults.capability % 10;
  properties->multiProcessorCount = 3;
  properties->maxThreadsPerBlock = 1024;
  properties->warpSize = 32;
  properties->l2CacheSize = 1 << 20;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, device)) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = properties.maxThreadsPerBlock; break;
    case cudaDevAttrWarpSize: *value = properties.warpSize; break;
    case cudaDevAttrMultiProcessorCount: *value = properties.multiProcessorCount; break;
    case cudaDevAttrComputeCapabilityMajor: *value = properties.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = properties.minor; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(properties.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(properties.sharedMemPerBlockOptin);
      break;
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  const Call call;
  run_everything();
  return answer(state());
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const Call call;
  *total = runtime().faults.memory;
  *free = *total - std::min<std::uint64_t>(*total, runtime().used[current_device]);
  return answer(call.error);
}
cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  const Call call;
  return answer(call.error != cudaSuccess ? call.error : take(memory, bytes, current_device));
}
cudaError_t cudaFree(void* memory) {
  const Call call;
  const cudaError_t error = give(memory, false);
  return answer(error != cudaSuccess ? error : state());
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  const Call call;
  return answer(call.error != cudaSuccess ? call.error : take(memory, bytes, -1));
}
cudaError_t cudaFreeHost(void* memory) {
  const Call call;
  const cudaError_t error = give(memory, true);
  return answer(error != cudaSuccess ? error : state());
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  return error != cudaSuccess ? error : answer(state());
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  const Call call;
  if (call.error != cudaSuccess) return answer(call.error);
  return answer(copy(to, to_pitch, from, from_pitch, width, height, kind, stream));
}
cudaError_t cudaMemsetAsync(void* at, int value, std::size_t bytes, cudaStream_t stream) {
  const Call call;
  if (call.error != cudaSuccess) return answer(call.error);
  if (bytes > 0 && !fits(at, bytes, true)) return answer(cudaErrorInvalidValue);
  return answer(ask(stream, [=] { std::memset(at, value, bytes); }));
}
cudaError_t cudaMemset(void* at, int value, std::size_t bytes) {
  return cudaMemsetAsync(at, value, bytes, nullptr);
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Call call;
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
  const Call call;
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
