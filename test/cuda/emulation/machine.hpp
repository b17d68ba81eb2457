// The state of the block that runs: its threads, what they wait for, and what was begun but has not happened yet.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "emulation.hpp"
#include "fiber.hpp"

namespace unsuperpose::cuda::emulation {

/// xorshift64*
class Draw {
 public:
  void seed(std::uint64_t seed) {
    state_ = seed * 0x9E3779B97F4A7C15u + 0x1234567887654321u;
    for (int i = 0; i < 4; ++i) (void)next();
  }
  std::uint32_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<std::uint32_t>((state_ * 0x2545F4914F6CDD1Du) >> 32);
  }
  std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>((std::uint64_t{next()} * n) >> 32);
  }

 private:
  std::uint64_t state_ = 1;
};

enum class Mood { early, late, mixed };

/// A copy from global to shared memory that was begun.
struct Copy {
  void* to;
  const void* from;
  unsigned bytes, group;
  std::uint64_t* barrier;  // that counts its bytes, or null
};

/// One thread of the block.
struct Thread {
  explicit Thread(void (*entry)()) : fiber(entry) {}
  Fiber fiber;
  uint3 index;
  const char* waits_for = nullptr;  // or has waited for
  Place at;
  const void* barrier = nullptr;  // of hopper.cuh, that it waits for
  bool ended = false;
  std::vector<Copy> copies;  // of its own, cp.async
  unsigned group = 0;        // its copies are put into
};

/// A product of a warp that was begun.
struct Product {
  bool floats;
  void* sums[32];
  std::uint64_t a, b;
  bool add, done;
  unsigned group;
  Place at;
};

struct Warp {
  std::uint32_t lanes = 0, ready = 0, arrived = 0;
  const char* operation = nullptr;
  Place at;
  void* arguments[32] = {};
  std::deque<Product> products;  // until they were waited for
  unsigned group = 0;            // its products are put into
  bool begun = false;            // begin_products() was called
  std::uint64_t described = 0;   // a hash of the products so far, to compare with the warpgroup's other warps

  /// As a block begins, before it has its lanes. The queue keeps its memory.
  void begin() {
    lanes = ready = arrived = group = 0;
    products.clear();
    begun = false;
    described = 0;
  }
};

using Operation = void (*)(void* const (&arguments)[32]);

struct Machine {
  Fiber host;
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<Warp> warps;
  unsigned count = 0, current = 0, ended = 0, at_barrier = 0;
  Place barrier_at;
  const char* name = "";
  Place launched_at;
  const std::function<void()>* body = nullptr;
  unsigned char* shared = nullptr;
  std::size_t shared_bytes = 0;
  std::vector<Copy> bulk_copies;
  std::vector<const std::uint64_t*> unpublished;  // barriers
  Draw draw;
  Mood copies = Mood::early, products = Mood::early;

  Thread& thread() { return *threads[current]; }
  Warp& warp() { return warps[current / 32]; }
  bool late(Mood mood) { return mood == Mood::late || (mood == Mood::mixed && (draw.next() & 1u) != 0); }
};
extern Machine& the_machine;
inline Machine& machine() { return the_machine; }

/// The running thread cannot go on: others do, until somebody makes it ready.
void wait_here(const char* what, Place at);
void make_ready(unsigned thread);
/// Another thread that can go on does so now; this one later.
void go_to(unsigned thread);
/// All lanes of a warp come here, then the last runs `operation` with their arguments.
void together(const char* what, Place at, void* argument, Operation operation);
/// Lets something of what was begun happen; false if there is nothing that happens by itself.
bool happen();
void land(const Copy& copy);
/// The bytes must be the block's shared memory, or the process ends.
void check_shared(const void* at, std::size_t bytes, std::size_t alignment, const char* what, Place place);

void run_grid(const char* name, Place launched_at, dim3 grid, dim3 block, std::size_t shared,
              std::uint64_t seed, const std::function<void()>& body);
/// Says what is wrong and where, and ends the process.
[[noreturn]] void stop(Place at, const char* format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace unsuperpose::cuda::emulation
