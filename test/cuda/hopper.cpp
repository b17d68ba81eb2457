// What hopper.cuh promises, against plain loops: barriers and their phases, bulk copies, swizzled rows, products by a warpgroup. The
// emulation is held to it here, and a GPU of compute capability 9.0 where this same file is compiled by nvcc:
//   nvcc -x cu -std=c++20 --fmad=false -gencode arch=compute_90a,code=sm_90a test/cuda/hopper.cpp -o hopper
#include <random>
#include <type_traits>
#include <vector>

#include "../../native/cuda/hopper.cuh"
#include "device_memory.hpp"

namespace unsuperpose::cuda {
namespace {

using hopper::Barrier;

constexpr unsigned kLeft = 64, kRight = 256, kRow = 128;  // rows, and bytes of one
constexpr unsigned kStages = 2, kStage = (kLeft + kRight) * kRow,
                   kShared = kStages * kStage + 2 * kStages * 8;

/// A warpgroup that copies (one thread of it) and one that multiplies: out (64 x 256) = sum over chunks of left (64 x 128 bytes) ·
/// right (256 x 128 bytes)ᵀ, which lie swizzled one after the other in `chunks`.
template <class Sum>
KERNEL_BOUNDS(256, 1)
product_kernel(const unsigned char* chunks, unsigned count, Sum* out) {
  SHARED(memory);
  Barrier* full = reinterpret_cast<Barrier*>(memory + kStages * kStage);
  Barrier* empty = full + kStages;
  if (threadIdx.x == 0) {
    for (unsigned s = 0; s < kStages; ++s) {
      full[s].init(1);
      empty[s].init(4);
    }
    hopper::publish_barriers();
  }
  sync_block();
  if (threadIdx.x < 128) {
    hopper::give_registers<24>();
    if (threadIdx.x == 0)
      for (unsigned chunk = 0; chunk < count; ++chunk) {
        const unsigned stage = chunk % kStages;
        empty[stage].wait((chunk / kStages & 1u) ^ 1u);
        full[stage].arrive_expecting(kStage);
        const unsigned char* from = chunks + static_cast<std::size_t>(chunk) * kStage;
        hopper::copy_bulk(memory + stage * kStage, from, kLeft * kRow, full[stage]);
        hopper::copy_bulk(memory + stage * kStage + kLeft * kRow, from + kLeft * kRow, kRight * kRow,
                          full[stage]);
      }
    return;
  }
  hopper::take_registers<240>();
  Sum sums[128];
  for (unsigned chunk = 0; chunk < count; ++chunk) {
    const unsigned stage = chunk % kStages;
    full[stage].wait(chunk / kStages & 1u);
    std::uint64_t a = hopper::describe(memory + stage * kStage);
    std::uint64_t b = hopper::describe(memory + stage * kStage + kLeft * kRow);
    hopper::begin_products();
    for (unsigned step = 0; step < kRow / 32; ++step) {
      hopper::multiply(sums, a, b, chunk > 0 || step > 0);
      a = hopper::further(a);
      b = hopper::further(b);
    }
    hopper::end_products();
    if (chunk > 0) {
      hopper::wait_products<1>();
      if (lane() == 0) empty[(chunk - 1) % kStages].arrive();
    }
  }
  hopper::wait_products<0>();
  const unsigned warp = threadIdx.x / 32 % 4;
  for (unsigned i = 0; i < 32; ++i)
    for (unsigned h = 0; h < 2; ++h)
      for (unsigned k = 0; k < 2; ++k)
        out[(16 * warp + lane() / 4 + 8 * h) * kRight + 8 * i + 2 * (lane() % 4) + k] =
            sums[4 * i + 2 * h + k];
}

template <class Sum>
void products(std::mt19937& random, unsigned chunks, bool whole) {
  constexpr bool integers = std::is_integral_v<Sum>;
  constexpr unsigned entries = integers ? kRow : kRow / 2;  // of a row, of a chunk
  std::vector<double> left(std::size_t{kLeft} * chunks * entries),
      right(std::size_t{kRight} * chunks * entries);
  std::vector<unsigned char> bytes(std::size_t{chunks} * kStage);
  for (unsigned chunk = 0; chunk < chunks; ++chunk)
    for (unsigned r = 0; r < kLeft + kRight; ++r)
      for (unsigned k = 0; k < entries; ++k) {
        unsigned bits = random() % 256;
        double value = static_cast<std::int8_t>(bits);
        if (!integers) {
          bits = random() & 0xBFFF;
          // 1 ... 1.9375 and their negatives: their sums are exact.
          if (whole) bits = 0x3C00 | (bits & 0x83C0);
          value = half_value(bits);
        }
        const unsigned row = r < kLeft ? r : r - kLeft, byte = k * (kRow / entries);
        unsigned char* to = bytes.data() + std::size_t{chunk} * kStage + (r < kLeft ? 0 : kLeft * kRow) +
                            row * kRow + ((byte / 16 ^ row % 8) * 16 + byte % 16);
        to[0] = static_cast<unsigned char>(bits);
        if (!integers) to[1] = static_cast<unsigned char>(bits >> 8);
        (r < kLeft ? left : right)[(std::size_t{row} * chunks + chunk) * entries + k] = value;
      }
  const auto set =
      cudaFuncSetAttribute(product_kernel<Sum>, cudaFuncAttributeMaxDynamicSharedMemorySize, kShared);
  check::that(set == cudaSuccess, "asking for shared memory: %s", cudaGetErrorString(set));
  const DeviceArray<unsigned char> from(bytes);
  const DeviceArray<Sum> to(std::size_t{kLeft} * kRight);
  LAUNCH((product_kernel<Sum>), 1, 256, kShared, nullptr, from.data(), chunks, to.data());
  const auto out = to.read();
  const std::size_t dims = std::size_t{chunks} * entries;
  for (unsigned i = 0; i < kLeft; ++i)
    for (unsigned j = 0; j < kRight; ++j) {
      double sum = 0, size = 0;
      for (std::size_t k = 0; k < dims; ++k) {
        const double product = left[i * dims + k] * right[j * dims + k];
        sum += product;
        size += std::fabs(product);
      }
      // In each step 17 addends and their sum are cut by at most 2⁻²³ of the largest.
      const double bound = integers || whole ? 0 : 18 * 0x1p-23 * size * static_cast<double>(dims / 16);
      const double got = static_cast<double>(out[i * kRight + j]);
      check::that(std::fabs(got - sum) <= bound, "%s, %u chunks, at %u, %u: got %.9g, expected %.9g",
                  integers ? "int8" : "float16", chunks, i, j, got, sum);
    }
}

/// Warps hand a number on, each to the next, by barriers alone, for many phases; some threads of a warp arrive more than once.
KERNEL relay_kernel(unsigned rounds, unsigned* out) {
  SHARED(memory);
  Barrier* turn = reinterpret_cast<Barrier*>(memory);  // of four warps
  unsigned* number = reinterpret_cast<unsigned*>(memory + 64);
  if (threadIdx.x == 0) {
    for (unsigned w = 0; w < 4; ++w) turn[w].init(33);
    hopper::publish_barriers();
    *number = 1;
  }
  sync_block();
  const unsigned warp = threadIdx.x / 32;
  for (unsigned round = 0; round < rounds; ++round) {
    if (warp > 0 || round > 0) turn[(warp + 3) % 4].wait(warp > 0 ? round & 1u : (round - 1) & 1u);
    const unsigned before = *number;
    sync_warp();
    if (lane() == 0) *number = 3 * before + warp + 1;
    sync_warp();
    turn[warp].arrive();
    if (lane() == 7) turn[warp].arrive();
  }
  sync_block();
  if (threadIdx.x == 0) *out = *number;
}

void relay() {
  const DeviceArray<unsigned> to(1);
  LAUNCH(relay_kernel, 1, 128, 128, nullptr, 9u, to.data());
  unsigned expected = 1;
  for (unsigned i = 0; i < 36; ++i) expected = 3 * expected + i % 4 + 1;
  check::that(to.read()[0] == expected, "a number handed on by barriers");
}

void all() {
  cudaDeviceProp properties{};
  const cudaError_t error = cudaGetDeviceProperties(&properties, 0);
  if (!check::that(error == cudaSuccess && properties.major == 9,
                   "this needs compute capability 9.0, not %d.%d", properties.major, properties.minor))
    return;
  std::mt19937 random(20260802);
  for (int i = 0; i < 5; ++i) relay();
  for (unsigned chunks = 1; chunks <= 5; ++chunks) {
    products<int>(random, chunks, true);
    products<float>(random, chunks, true);
    products<float>(random, chunks, false);
  }
}

}  // namespace
}  // namespace unsuperpose::cuda

int main() {
  unsuperpose::cuda::all();
  return unsuperpose::check::finish();
}
