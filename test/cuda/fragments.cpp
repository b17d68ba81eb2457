// What cuda.cuh promises, against plain loops, with another value in every place: where warp operations, copies and products find and
// leave their numbers. The emulation is held to it here, and a GPU where this same file is compiled by nvcc:
//   nvcc -x cu -std=c++20 --fmad=false -gencode arch=compute_90a,code=sm_90a test/cuda/fragments.cpp -o fragments
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "device_memory.hpp"

// Inside the namespace, where its names come before those that CUDA has for all.
namespace unsuperpose::cuda {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <class T>
KERNEL shuffle_kernel(const T* in, T* out) {
  const T v = in[threadIdx.x];
  out[threadIdx.x] = shuffle(v, static_cast<int>(lane() * 7 + 3) % 32);
  out[64 + threadIdx.x] = shuffle_xor(v, 5);
  out[128 + threadIdx.x] = shuffle(v, 30);
}

template <class T>
void shuffles(const char* what) {
  std::vector<T> in(64);
  for (unsigned i = 0; i < 64; ++i) in[i] = static_cast<T>(1000003.0 * (i + 1)) + static_cast<T>(i);
  const DeviceArray<T> from(in), to(192);
  LAUNCH((shuffle_kernel<T>), 1, 64, 0, nullptr, from.data(), to.data());
  const std::vector<T> out = to.read();
  for (unsigned t = 0; t < 64; ++t) {
    const unsigned warp = t / 32 * 32, lane = t % 32;
    check::that(out[t] == in[warp + (lane * 7 + 3) % 32], "shuffle of %s, thread %u", what, t);
    check::that(out[64 + t] == in[warp + (lane ^ 5)], "shuffle_xor of %s, thread %u", what, t);
    check::that(out[128 + t] == in[warp + 30], "shuffle of %s from lane 30, thread %u", what, t);
  }
}

KERNEL votes_kernel(unsigned* out, unsigned* counter) {
  out[threadIdx.x] = ballot(threadIdx.x % 3 == 0);
  const unsigned place = atomic_add(counter, 2);
  out[64 + place / 2] = threadIdx.x;
  sync_warp();
  if (threadIdx.x == 0) out[128] = static_cast<unsigned>(count_bits(0xF0F1u));
}

void votes() {
  const DeviceArray<unsigned> to(129), counter(1);
  LAUNCH(votes_kernel, 1, 64, 0, nullptr, to.data(), counter.data());
  const auto out = to.read();
  std::vector<bool> seen(64);
  for (unsigned t = 0; t < 64; ++t) {
    unsigned expected = 0;
    for (unsigned l = 0; l < 32; ++l) expected |= unsigned{(t / 32 * 32 + l) % 3 == 0} << l;
    check::that(out[t] == expected, "ballot, thread %u: %08x", t, out[t]);
    if (out[64 + t] < 64) seen[out[64 + t]] = true;
  }
  for (unsigned t = 0; t < 64; ++t) check::that(seen[t], "thread %u has no place of its own", t);
  check::that(counter.read()[0] == 128, "atomic_add");
  check::that(out[128] == 9, "count_bits");
}

KERNEL halves_kernel(const float* in, unsigned n, std::uint16_t* halves, float* back) {
  for (unsigned i = threadIdx.x; i < 65536; i += blockDim.x)
    back[i] = from_half(static_cast<std::uint16_t>(i));
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x) halves[i] = to_half(in[i]);
}

void halves() {
  // Every float16, and between every two: the middle, and the float32 numbers beside it.
  std::vector<float> in;
  std::vector<unsigned> expected;
  const auto add = [&](double v, unsigned bits) {
    in.push_back(static_cast<float>(v)), expected.push_back(bits);
    in.push_back(-static_cast<float>(v)), expected.push_back(bits | 0x8000);
  };
  for (unsigned bits = 0; bits < 0x7C00; ++bits) {
    add(half_value(bits), bits);
    const double next = bits + 1 < 0x7C00 ? half_value(bits + 1) : 65536.0;
    const float middle = static_cast<float>((half_value(bits) + next) / 2);
    add(middle, bits % 2 == 0 ? bits : bits + 1);
    add(std::nextafter(middle, 0.0f), bits);
    add(std::nextafter(middle, kInfinity), bits + 1);
  }
  add(kInfinity, 0x7C00);
  add(0x1p-149f, 0);
  const DeviceArray<float> from(in), back(65536);
  const DeviceArray<std::uint16_t> to(in.size());
  LAUNCH(halves_kernel, 1, 256, 0, nullptr, from.data(), static_cast<unsigned>(in.size()), to.data(),
         back.data());
  const auto got = to.read();
  for (std::size_t i = 0; i < in.size(); ++i)
    check::that(got[i] == expected[i], "to_half(%a): %04x, expected %04x", static_cast<double>(in[i]), got[i],
                expected[i]);
  const auto values = back.read();
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const unsigned size = bits & 0x7FFF;
    const float v = values[bits];
    if (size < 0x7C00)
      check::that(static_cast<double>(v) == half_value(bits) && std::signbit(v) == (bits > 0x7FFF),
                  "from_half(%04x)", bits);
    else
      check::that(size == 0x7C00 ? std::isinf(v) : std::isnan(v), "from_half(%04x)", bits);
  }
}

/// Rows of 32 bytes of a (16) and b (8) through shared memory, c (16 x 8) += a · bᵀ.
template <class Sum>
KERNEL multiply_kernel(const unsigned char* a, const unsigned char* b, const Sum* c, Sum* out,
                       unsigned* matrices) {
  SHARED(memory);
  copy_async(memory + 16 * lane(), a + 16 * lane());
  copy_commit();
  if (lane() < 16) copy_async(memory + 512 + 16 * lane(), b + 16 * lane());
  copy_commit();
  copy_wait<0>();
  sync_block();
  std::uint32_t rows[4], columns[4];
  load_matrices(rows, memory + lane() % 16 * 32 + lane() / 16 * 16);
  load_matrices(columns, memory + 512 + lane() % 8 * 32 + lane() / 8 % 2 * 16);
  for (unsigned i = 0; i < 4; ++i) matrices[4 * lane() + i] = rows[i];
  Sum sums[4];
  const auto place = [](unsigned i) { return (lane() / 4 + 8 * (i / 2)) * 8 + 2 * (lane() % 4) + i % 2; };
  for (unsigned i = 0; i < 4; ++i) sums[i] = c[place(i)];
  multiply(sums, rows, columns[0], columns[1]);
  for (unsigned i = 0; i < 4; ++i) out[place(i)] = sums[i];
}

template <class Sum>
void fragments(std::mt19937& random, const char* what) {
  constexpr bool integers = std::is_integral_v<Sum>;
  std::vector<unsigned char> a(512), b(256);
  for (auto* side : {&a, &b})
    for (std::size_t i = 0; i < side->size(); i += integers ? 1 : 2) {
      const unsigned bits = integers ? random() % 256 : random() & 0xBFFF;
      (*side)[i] = static_cast<unsigned char>(bits);
      if (!integers) (*side)[i + 1] = static_cast<unsigned char>(bits >> 8);
    }
  std::vector<Sum> c(128);
  for (auto& v : c)
    v = integers ? static_cast<Sum>(random() / 2)
                 : static_cast<Sum>(random()) / static_cast<Sum>(1u << 31) - 1;
  const DeviceArray<unsigned char> left(a), right(b);
  const DeviceArray<Sum> before(c), after(128);
  const DeviceArray<unsigned> matrices(128);
  LAUNCH((multiply_kernel<Sum>), 1, 32, 768, nullptr, left.data(), right.data(), before.data(), after.data(),
         matrices.data());
  const auto out = after.read();
  const auto loaded = matrices.read();
  for (unsigned l = 0; l < 32; ++l)
    for (unsigned i = 0; i < 4; ++i) {
      unsigned expected = 0;
      std::memcpy(&expected, &a[32 * (l / 4 + 8 * (i % 2)) + 4 * (l % 4) + 16 * (i / 2)], 4);
      check::that(loaded[4 * l + i] == expected, "load_matrices, lane %u, register %u", l, i);
    }
  for (unsigned i = 0; i < 16; ++i)
    for (unsigned j = 0; j < 8; ++j) {
      const Sum got = out[8 * i + j];
      if constexpr (integers) {
        std::int64_t sum = c[8 * i + j];
        for (unsigned k = 0; k < 32; ++k)
          sum += static_cast<std::int8_t>(a[32 * i + k]) * static_cast<std::int8_t>(b[32 * j + k]);
        check::that(got == static_cast<Sum>(sum), "multiply of %s at %u, %u: got %d", what, i, j,
                    static_cast<int>(got));
      } else {
        double sum = c[8 * i + j], size = std::fabs(sum);
        for (unsigned k = 0; k < 16; ++k) {
          const auto entry = [k](const std::vector<unsigned char>& of, unsigned row) {
            return half_value(of[32 * row + 2 * k] | static_cast<unsigned>(of[32 * row + 2 * k + 1]) << 8);
          };
          sum += entry(a, i) * entry(b, j);
          size += std::fabs(entry(a, i) * entry(b, j));
        }
        // 17 addends and their sum, each cut by at most 2⁻²³ of the largest.
        check::that(std::fabs(static_cast<double>(got) - sum) <= 18 * 0x1p-23 * size,
                    "multiply of %s at %u, %u: got %g, expected %g", what, i, j, static_cast<double>(got),
                    sum);
      }
    }
}

void all() {
  std::mt19937 random(20260801);
  shuffles<int>("int");
  shuffles<unsigned>("unsigned");
  shuffles<float>("float");
  shuffles<double>("double");
  shuffles<unsigned long long>("64 bits");
  votes();
  halves();
  for (int i = 0; i < 100; ++i) {
    fragments<int>(random, "int8");
    fragments<float>(random, "float16");
  }
}

}  // namespace
}  // namespace unsuperpose::cuda

int main() {
  unsuperpose::cuda::all();
  return unsuperpose::check::finish();
}
