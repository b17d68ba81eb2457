// What native/cuda/hopper.cuh declares, on a CPU. A description of rows in shared memory holds their offset there; bulk copies land, and
// products read their rows, at any time that the rules leave open; each warp of a warpgroup goes its own way.
#pragma once
#include "emulation.hpp"

namespace unsuperpose::cuda::hopper {

using emulation::Place;

struct Barrier {
  std::uint64_t word;

  void init(unsigned arrivals, Place at = Place::current());
  void arrive(Place at = Place::current());
  void arrive_expecting(unsigned bytes, Place at = Place::current());
  void wait(unsigned parity, Place at = Place::current());
};

void publish_barriers();
void copy_bulk(void* shared, const void* global, unsigned bytes, Barrier& barrier,
               Place at = Place::current());

void change_registers(const char* what, Place at);
template <unsigned count>
void give_registers(Place at = Place::current()) {
  static_assert(count >= 24 && count <= 256 && count % 8 == 0);
  change_registers("give_registers", at);
}
template <unsigned count>
void take_registers(Place at = Place::current()) {
  static_assert(count >= 24 && count <= 256 && count % 8 == 0);
  change_registers("take_registers", at);
}

std::uint64_t describe(const void* shared, Place at = Place::current());
inline std::uint64_t further(std::uint64_t description) { return description + 2; }

void begin_products(Place at = Place::current());
void end_products(Place at = Place::current());
void wait_for_products(unsigned left, Place at);
template <int left>
void wait_products(Place at = Place::current()) {
  wait_for_products(left, at);
}

void multiply(int (&c)[128], std::uint64_t a, std::uint64_t b, bool add, Place at = Place::current());
void multiply(float (&c)[128], std::uint64_t a, std::uint64_t b, bool add, Place at = Place::current());

}  // namespace unsuperpose::cuda::hopper
