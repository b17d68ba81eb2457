// Operations of a warp: values handed round, copies into shared memory, products by tensor cores.
#include <algorithm>
#include <bit>
#include <cstring>

#include "machine.hpp"
#include "products.hpp"

namespace unsuperpose::cuda {

using namespace emulation;

namespace emulation {

std::uint64_t shuffle_bits(std::uint64_t bits, unsigned from, const char* what, Place at) {
  struct Lane {
    std::uint64_t given, got;
    unsigned from;
  } lane{bits, 0, from};
  together(what, at, &lane, [](void* const(&lanes)[32]) {
    for (void* each : lanes) {
      auto* to = static_cast<Lane*>(each);
      to->got = static_cast<const Lane*>(lanes[to->from])->given;
    }
  });
  return lane.got;
}

void wait_for_copies(unsigned left) {
  Thread& thread = machine().thread();
  auto& copies = thread.copies;
  // Groups are over in the order in which they were committed; what was not committed is not waited for.
  std::size_t kept = 0;
  for (const Copy& copy : copies)
    if (copy.group + left < thread.group)
      land(copy);
    else
      copies[kept++] = copy;
  copies.resize(kept);
}

void land(const Copy& copy) {
  const Unwatched unwatched;
  std::memcpy(copy.to, copy.from, copy.bytes);
}

}  // namespace emulation

unsigned ballot(bool v, Place at) {
  struct Lane {
    bool given;
    unsigned got;
  } lane{v, 0};
  together("ballot", at, &lane, [](void* const(&lanes)[32]) {
    unsigned all = 0;
    for (unsigned l = 0; l < 32; ++l) all |= unsigned{static_cast<const Lane*>(lanes[l])->given} << l;
    for (void* each : lanes) static_cast<Lane*>(each)->got = all;
  });
  return lane.got;
}

std::uint16_t to_half(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  const std::uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7FFFFFFFu;
  std::uint32_t half;
  if (size > 0x7F800000u)
    return 0x7FFF;               // as the GPU's conversion: one NaN
  else if (size >= 0x477FF000u)  // 65,520, halfway between the largest and the next
    half = 0x7C00;
  else if (size < 0x38800000u)  // 2⁻¹⁴: from ½ on, float32 has float16's steps below it
    half =
        std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5f) - std::bit_cast<std::uint32_t>(0.5f);
  else
    half = (size - 0x38000000u + 0xFFFu + (size >> 13 & 1u)) >> 13;
  return static_cast<std::uint16_t>(sign | half);
}

namespace {

void copy_later(void* shared, const void* global, unsigned bytes, Place at) {
  Machine& m = machine();
  check_shared(shared, bytes, bytes, "a copy", at);
  if (reinterpret_cast<std::uintptr_t>(global) % bytes != 0)
    stop(at, "a copy from an address that is no multiple of its size");
  reads(global, bytes);
  writes(shared, bytes);
  const Copy copy{shared, global, bytes, m.thread().group, nullptr};
  if (!m.late(m.copies)) return land(copy);
  const Unwatched unwatched;
  m.thread().copies.push_back(copy);
}

}  // namespace

void copy_async(void* shared, const void* global, Place at) { copy_later(shared, global, 16, at); }
void copy_async_word(void* shared, const void* global, Place at) { copy_later(shared, global, 4, at); }

void copy_commit() { ++machine().thread().group; }

void load_matrices(std::uint32_t (&to)[4], const void* shared_row, Place at) {
  check_shared(shared_row, 16, 16, "a matrix row", at);
  reads(shared_row, 16);
  struct Lane {
    std::uint32_t* to;
    const unsigned char* row;
  } lane{to, static_cast<const unsigned char*>(shared_row)};
  together("load_matrices", at, &lane, [](void* const(&lanes)[32]) {
    for (unsigned l = 0; l < 32; ++l)
      for (unsigned i = 0; i < 4; ++i)
        std::memcpy(static_cast<Lane*>(lanes[l])->to + i,
                    static_cast<const Lane*>(lanes[8 * i + l / 4])->row + 4 * (l % 4), 4);
  });
}

namespace {

template <class Sum>
struct MultiplyLane {
  Sum* c;
  const std::uint32_t* a;
  std::uint32_t b[2];
};

/// The fragments as matrices: 32 bytes a row of a (16) and b (8), and c (16 x 8).
template <class Sum>
void multiply_fragments(void* const (&lanes)[32]) {
  alignas(16) unsigned char a[16][32], b[8][32];
  alignas(16) Sum c[16][8];
  for (unsigned l = 0; l < 32; ++l) {
    const auto& lane = *static_cast<const MultiplyLane<Sum>*>(lanes[l]);
    const unsigned row = l / 4, byte = 4 * (l % 4), column = 2 * (l % 4);
    for (unsigned i = 0; i < 4; ++i) {
      std::memcpy(&a[row + 8 * (i % 2)][byte + 16 * (i / 2)], &lane.a[i], 4);
      c[row + 8 * (i / 2)][column + i % 2] = lane.c[i];
    }
    for (unsigned i = 0; i < 2; ++i) std::memcpy(&b[row][byte + 16 * i], &lane.b[i], 4);
  }
  Panel<8> panel;
  panel.set<Sum>([&](unsigned j) { return b[j]; });
  for (unsigned i = 0; i < 16; ++i) panel.multiply(c[i], a[i]);
  for (unsigned l = 0; l < 32; ++l)
    for (unsigned i = 0; i < 4; ++i)
      static_cast<const MultiplyLane<Sum>*>(lanes[l])->c[i] = c[l / 4 + 8 * (i / 2)][2 * (l % 4) + i % 2];
}

}  // namespace

void multiply(int (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, Place at) {
  MultiplyLane<int> lane{c, a, {b0, b1}};
  together("multiply (int8)", at, &lane, multiply_fragments<int>);
}
void multiply(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, Place at) {
  MultiplyLane<float> lane{c, a, {b0, b1}};
  together("multiply (float16)", at, &lane, multiply_fragments<float>);
}

}  // namespace unsuperpose::cuda
