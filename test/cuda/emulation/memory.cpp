// Memory: guarded, NaN at first, within a limit; copies as early or as late as their kinds allow.
#include "devices.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace unsuperpose::cuda::emulation {
namespace {

constexpr std::size_t kGuard = 256;
constexpr unsigned char kGuardByte = 0xA5;

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
  if (r.faults.refused > 0 && r.draw.below(static_cast<std::uint32_t>(r.faults.refused)) == 0)
    return cudaErrorMemoryAllocation;
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

}  // namespace unsuperpose::cuda::emulation

using namespace unsuperpose::cuda::emulation;

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const Starting call;
  *total = runtime().faults.memory;
  *free = *total - std::min<std::uint64_t>(*total, runtime().used[current_device]);
  return answer(call.error);
}
cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  const Starting call;
  return answer(call.error != cudaSuccess ? call.error : take(memory, bytes, current_device));
}
cudaError_t cudaFree(void* memory) {
  const Starting call;
  const cudaError_t error = give(memory, false);
  return answer(error != cudaSuccess ? error : state());
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  const Starting call;
  return answer(call.error != cudaSuccess ? call.error : take(memory, bytes, -1));
}
cudaError_t cudaFreeHost(void* memory) {
  const Starting call;
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
