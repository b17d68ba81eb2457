// The CUDA runtime's part: devices, faults, errors, launches.
#include "devices.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace unsuperpose::cuda::emulation {

thread_local int current_device = 0;

namespace {

thread_local cudaError_t last_error = cudaSuccess;

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
  f.refused = number("UNSUPERPOSE_EMULATED_REFUSED", 0);
  f.lost_at = number("UNSUPERPOSE_EMULATED_LOST", 0);
  f.seed = number("UNSUPERPOSE_EMULATED_SEED", 0);
  return f;
}

std::size_t shared_optin() {
  switch (runtime().faults.capability) {
    case 80:
    case 87: return 163 * 1024;
    case 90:
    case 100: return 227 * 1024;
    default: return 99 * 1024;
  }
}

}  // namespace

Runtime& runtime() {
  static Runtime* const one = [] {
    auto* made = new Runtime;
    made->faults = from_environment();
    made->draw.seed(made->faults.seed);
    return made;
  }();
  return *one;
}

cudaError_t answer(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}

cudaError_t state() {
  const Runtime& r = runtime();
  if (r.faults.driver < 13000) return cudaErrorInsufficientDriver;
  if (r.faults.devices == 0) return cudaErrorNoDevice;
  return r.lost ? cudaErrorIllegalAddress : cudaSuccess;
}

Faults& faults() { return runtime().faults; }

bool started(int device) {
  const std::lock_guard lock(runtime().mutex);
  return runtime().started.contains(device);
}

void start_afresh() {
  const std::lock_guard lock(runtime().mutex);
  Runtime& r = runtime();
  r.lost = false;
  r.operations = r.launches = 0;
  r.started.clear();
  r.draw.seed(r.faults.seed);
  last_error = cudaSuccess;
  current_device = 0;
}

cudaError_t set_shared_limit(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Starting call;
  if (call.error != cudaSuccess) return answer(call.error);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || static_cast<std::size_t>(value) > shared_optin()) return answer(cudaErrorInvalidValue);
  runtime().shared_limits[kernel] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

void enqueue(const char* name, const void* kernel, dim3 grid, dim3 block, std::size_t shared,
             cudaStream_t stream, Place at, std::function<void()> body) {
  const Starting call;
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
  runtime().started.insert(device);  // since CUDA 12
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
  properties->major = runtime().faults.capability / 10;
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
