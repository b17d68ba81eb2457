// The emulation itself: what it leaves to chance, how its tensor cores sum, which devices there are and how they fail.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "device_memory.hpp"

namespace unsuperpose::cuda {
namespace {

KERNEL zero_kernel(unsigned* out) { out[threadIdx.x] = 0; }

KERNEL append_kernel(unsigned* list, unsigned* count) {
  list[atomic_add(count, 1)] = blockIdx.x * blockDim.x + threadIdx.x;
}

/// One order for a seed, others for others.
void orders() {
  std::vector<std::vector<unsigned>> lists;
  for (const std::uint64_t seed : {1u, 1u, 2u, 3u}) {
    emulation::faults().seed = seed;
    emulation::start_afresh();
    const DeviceArray<unsigned> list(512), count(1);
    LAUNCH(append_kernel, 4, 128, 0, nullptr, list.data(), count.data());
    lists.push_back(list.read());
    std::vector<unsigned> sorted = lists.back();
    std::sort(sorted.begin(), sorted.end());
    for (unsigned i = 0; i < 512; ++i) check::that(sorted[i] == i, "thread %u is not in the list", i);
  }
  check::that(lists[0] == lists[1], "one seed, two orders");
  check::that(lists[0] != lists[2] && lists[2] != lists[3], "another seed, the same order");
}

KERNEL one_product_kernel(float c, std::uint16_t a, std::uint16_t b, float* out) {
  const std::uint32_t both_a = a | static_cast<std::uint32_t>(a) << 16,
                      both_b = b | static_cast<std::uint32_t>(b) << 16;
  const std::uint32_t rows[4] = {both_a, both_a, both_a, both_a};
  float sums[4] = {c, c, c, c};
  multiply(sums, rows, both_b, both_b);
  if (lane() == 0) *out = sums[0];
}

/// c + 16 a b as badly as tensor cores may have it.
void truncation() {
  const auto sum = [](float c, double a, double b) {
    const DeviceArray<float> out(1);
    LAUNCH(one_product_kernel, 1, 32, 0, nullptr, c, to_half(static_cast<float>(a)),
           to_half(static_cast<float>(b)), out.data());
    return out.read()[0];
  };
  check::that(sum(1, 0x1p-12, 0x1p-12) == 1, "addends below 2⁻²³ of the largest are lost");
  check::that(sum(-1, 0x1p-12, -0x1p-12) == -1, "and below zero too");
  check::that(sum(1, 0x1p-11, 0x1.8p-12) == 1 + 16 * 0x1p-23f, "each is cut by itself, towards zero");
  check::that(sum(0, 0x1p-24, 0x1p-24) == 0x1p-44f, "the smallest numbers are numbers");
  check::that(sum(0x1p24f, 1, 0x1.8p0) == 0x1p24f, "1.5 is cut to nothing below 2²⁴");
  check::that(sum(0x1.fffffep23f, 1, 1) == 0x1p24f + 14, "the sum is cut to a float32");
  check::that(std::isnan(sum(0, 65536, 0)), "infinity times zero is no number");
  check::that(std::isinf(sum(0, 65536, 1)), "infinity is kept");
}

void devices() {
  const emulation::Faults before = emulation::faults();
  emulation::Faults& now = emulation::faults();
  int count = 7;
  void* memory = nullptr;
  const auto afresh = [&] {
    now = before;
    emulation::start_afresh();
  };
  now.driver = 0;
  check::that(cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver && count == 0, "no driver");
  check::that(cudaMalloc(&memory, 64) == cudaErrorInsufficientDriver && !memory,
              "no memory without a driver");
  afresh();
  now.devices = 0;
  check::that(cudaGetDeviceCount(&count) == cudaErrorNoDevice && count == 0, "no device");
  afresh();
  now.devices = 2;
  check::that(cudaGetDeviceCount(&count) == cudaSuccess && count == 2, "two devices");
  check::that(cudaSetDevice(1) == cudaSuccess && cudaSetDevice(2) == cudaErrorInvalidDevice,
              "the third of two");
  check::that(cudaGetLastError() == cudaErrorInvalidDevice && cudaGetLastError() == cudaSuccess,
              "the last error");

  afresh();
  now.memory = 1 << 20;
  void* more = nullptr;
  check::that(cudaMalloc(&memory, 600 << 10) == cudaSuccess, "memory that is there");
  check::that(cudaMalloc(&more, 600 << 10) == cudaErrorMemoryAllocation && !more, "memory that is not");
  std::size_t free = 0, total = 0;
  check::that(cudaMemGetInfo(&free, &total) == cudaSuccess && free == (424 << 10) && total == 1 << 20,
              "free memory");
  check::that(cudaFree(memory) == cudaSuccess && cudaFree(memory) == cudaErrorInvalidValue,
              "memory freed twice");
  check::that(cudaMemGetInfo(&free, &total) == cudaSuccess && free == total, "memory given back");

  afresh();
  now.lost_at = 3;
  check::that(cudaMalloc(&memory, 64) == cudaSuccess, "memory before the loss");
  check::that(cudaMemset(memory, 0, 64) == cudaSuccess && cudaMemset(memory, 0, 64) == cudaSuccess,
              "two that work");
  LAUNCH(zero_kernel, 1, 16, 0, nullptr, static_cast<unsigned*>(memory));
  check::that(cudaDeviceSynchronize() == cudaErrorIllegalAddress, "a device lost at the third");
  check::that(cudaMalloc(&more, 64) == cudaErrorIllegalAddress &&
                  cudaGetLastError() == cudaErrorIllegalAddress &&
                  cudaGetLastError() == cudaErrorIllegalAddress,
              "and for good");
  afresh();
  check::that(cudaFree(memory) == cudaSuccess, "its memory is given back");

  LAUNCH(zero_kernel, 1, 1025, 0, nullptr, nullptr);
  check::that(cudaGetLastError() == cudaErrorInvalidConfiguration, "too many threads");
  LAUNCH(zero_kernel, 1, 32, 64 << 10, nullptr, nullptr);
  check::that(cudaGetLastError() == cudaErrorInvalidValue, "shared memory that was not asked for");
  now.capability = 89;
  check::that(cudaFuncSetAttribute(zero_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10) ==
                  cudaErrorInvalidValue,
              "more shared memory than there is");
  afresh();
}

}  // namespace
}  // namespace unsuperpose::cuda

int main() {
  using namespace unsuperpose;
  cuda::orders();
  cuda::truncation();
  cuda::devices();
  return check::finish();
}
