#include "machine.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>

namespace unsuperpose::cuda::emulation {
namespace {

constexpr std::size_t kGuard = 4096, kLargestShared = 256 * 1024;
constexpr unsigned char kGuardByte = 0xA5;
alignas(1024) unsigned char memory[kGuard + kLargestShared + kGuard];
/// What the race detector is told at the start and the end of a block.
char begun, over;

/// Which thread runs next: one of the same warp while one can, else of any warp.
unsigned choose() {
  Machine& m = machine();
  for (;;) {
    unsigned w = m.current / 32;
    if (!m.warps[w].ready) {
      unsigned able = 0;
      for (const Warp& warp : m.warps) able += warp.ready != 0;
      if (able == 0) {
        if (happen()) continue;
        return m.count;
      }
      unsigned skip = m.draw.below(able);
      for (w = 0;; ++w)
        if (m.warps[w].ready && skip-- == 0) break;
    }
    // The lanes after the one that ran last, then from the first.
    const std::uint32_t ready = m.warps[w].ready;
    const std::uint32_t after = w == m.current / 32 ? ready & ~(0xFFFFFFFFu >> (31 - m.current % 32)) : 0;
    return 32 * w + static_cast<unsigned>(__builtin_ctz(after ? after : ready));
  }
}

void report_waiting() {
  Machine& m = machine();
  std::string text;
  std::vector<bool> said(m.count, false);
  for (unsigned t = 0; t < m.count; ++t) {
    if (said[t]) continue;
    const Thread& one = *m.threads[t];
    unsigned same = 0, last = t;
    for (unsigned u = t; u < m.count; ++u) {
      const Thread& other = *m.threads[u];
      if (other.ended != one.ended ||
          (!one.ended && (other.waits_for != one.waits_for || other.at.line != one.at.line)))
        continue;
      said[u] = true;
      last = u;
      ++same;
    }
    char line[512];
    if (one.ended)
      std::snprintf(line, sizeof line, "\n  %u threads, %u ... %u, have ended", same, t, last);
    else
      std::snprintf(line, sizeof line, "\n  %u threads, %u ... %u, wait in %s at %s:%d", same, t, last,
                    one.waits_for, one.at.file, one.at.line);
    text += line;
  }
  stop(Place{}, "no thread can go on:%s", text.c_str());
}

/// Whether the operation of a warp, or of the block, that threads wait for is the one that another comes to.
inline bool same(Place a, Place b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

/// The life of a fiber: one thread of every block that it is needed for.
void live() {
  for (;;) {
    Machine& m = machine();
    acquire(&begun);
    (*m.body)();
    release(&over);
    Thread& thread = m.thread();
    thread.ended = true;
    if (!thread.copies.empty()) {
      // They may land in memory that is another block's by then.
      stop(Place{}, "thread %u ended without waiting for %zu of its copies", m.current, thread.copies.size());
    }
    m.warp().ready &= ~(1u << m.current % 32);
    ++m.ended;
    if (m.ended == m.count) {
      m.host.continue_from(thread.fiber);
      continue;
    }
    const unsigned next = choose();
    if (next == m.count) report_waiting();
    go_to(next);
  }
}

bool intact(const unsigned char* from, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    if (from[i] != kGuardByte) return false;
  return true;
}

void run_block(dim3 block) {
  Machine& m = machine();
  m.count = block.x * block.y * block.z;
  while (m.threads.size() < m.count) m.threads.push_back(std::make_unique<Thread>(&live));
  m.warps.resize((m.count + 31) / 32);
  for (Warp& warp : m.warps) warp.begin();
  for (unsigned t = 0; t < m.count; ++t) {
    Thread& thread = *m.threads[t];
    thread.index = {t % block.x, t / block.x % block.y, t / block.x / block.y};
    thread.ended = false;
    thread.barrier = nullptr;
    thread.copies.clear();
    thread.group = 0;
    m.warps[t / 32].lanes |= 1u << t % 32;
  }
  for (Warp& warp : m.warps) warp.ready = warp.lanes;
  m.ended = m.at_barrier = 0;
  m.bulk_copies.clear();
  m.unpublished.clear();

  allow(memory, sizeof memory);
  {
    const Unwatched unwatched;
    m.shared = memory + kGuard;
    std::memset(m.shared - kGuard, kGuardByte, kGuard);
    std::memset(m.shared, 0xFF, m.shared_bytes);  // NaN, in every format
    std::memset(m.shared + m.shared_bytes, kGuardByte, kGuard);
  }
  forbid(m.shared - kGuard, kGuard);
  forbid(m.shared + m.shared_bytes, kGuard);

  release(&begun);
  m.current = 32 * m.draw.below(static_cast<unsigned>(m.warps.size()));
  threadIdx = m.threads[m.current]->index;
  m.threads[m.current]->fiber.continue_from(m.host);
  acquire(&over);

  allow(memory, sizeof memory);
  for (const Warp& warp : m.warps)
    if (!warp.products.empty()) stop(Place{}, "a warp ended without waiting for its products");
  if (!m.bulk_copies.empty()) stop(Place{}, "the block ended while copies were on their way");
  for (std::size_t w = 0; w < m.warps.size(); ++w)
    if (m.warps[w].described != m.warps[w / 4 * 4].described)
      stop(Place{}, "warps %zu and %zu of one warpgroup did not begin the same products", w / 4 * 4, w);
  if (!intact(m.shared - kGuard, kGuard) || !intact(m.shared + m.shared_bytes, kGuard))
    stop(Place{}, "the block wrote outside its %zu bytes of shared memory", m.shared_bytes);
}

}  // namespace

Machine& the_machine = *new Machine;

void stop(Place at, const char* format, ...) {
  const Machine& m = machine();
  std::fprintf(stderr, "emulation: kernel %s (launched at %s:%d), block (%u, %u, %u), thread %u", m.name,
               m.launched_at.file ? m.launched_at.file : "?", m.launched_at.line, blockIdx.x, blockIdx.y,
               blockIdx.z, m.current);
  if (at.file) std::fprintf(stderr, ", at %s:%d", at.file, at.line);
  std::fprintf(stderr, ": ");
  std::va_list values;
  va_start(values, format);
  std::vfprintf(stderr, format, values);
  va_end(values);
  std::fprintf(stderr, "\n");
  std::fflush(stderr);
  std::abort();
}

unsigned char* shared_memory() { return machine().shared; }

void check_shared(const void* at, std::size_t bytes, std::size_t alignment, const char* what, Place place) {
  const Machine& m = machine();
  const auto from = reinterpret_cast<std::uintptr_t>(at), base = reinterpret_cast<std::uintptr_t>(m.shared);
  if (from < base || from + bytes > base + m.shared_bytes)
    stop(place, "%s of %zu bytes at %td of %zu bytes of shared memory", what, bytes,
         static_cast<std::ptrdiff_t>(from - base), m.shared_bytes);
  if (from % alignment != 0)
    stop(place, "%s at byte %zu of shared memory, which is no multiple of %zu", what,
         static_cast<std::size_t>(from - base), alignment);
}

void wait_here(const char* what, Place at) {
  Machine& m = machine();
  Thread& thread = m.thread();
  thread.waits_for = what;
  thread.at = at;
  m.warp().ready &= ~(1u << m.current % 32);
  const unsigned next = choose();
  if (next == m.count) report_waiting();
  go_to(next);
}

void make_ready(unsigned t) { machine().warps[t / 32].ready |= 1u << t % 32; }

void go_to(unsigned next) {
  Machine& m = machine();
  const unsigned from = m.current;
  m.current = next;
  threadIdx = m.threads[next]->index;
  if (next == from) return;
  // As a rule the lane after it comes next: its stack is on its way into the cache by then.
  const unsigned after = (next & ~31u) | ((next + 1) & 31u);
  if (after < m.count) m.threads[after]->fiber.prefetch();
  m.threads[next]->fiber.continue_from(m.threads[from]->fiber);
}

void together(const char* what, Place at, void* argument, Operation operation) {
  Machine& m = machine();
  Warp& warp = m.warp();
  const unsigned lane = m.current % 32;
  if (warp.lanes != 0xFFFFFFFFu) stop(at, "%s in a warp of fewer than 32 threads", what);
  if (!warp.arrived) {
    warp.operation = what;
    warp.at = at;
  } else if (warp.operation != what || !same(warp.at, at)) {
    stop(at, "the lanes of a warp are not together: this one is in %s, others (lanes %08x) in %s at %s:%d",
         what, warp.arrived, warp.operation, warp.at.file, warp.at.line);
  }
  warp.arguments[lane] = argument;
  warp.arrived |= 1u << lane;
  if (warp.arrived != 0xFFFFFFFFu) return wait_here(what, at);
  warp.arrived = 0;
  operation(warp.arguments);
  warp.ready = warp.lanes;
  // Now and then another warp, or what was begun, goes first.
  if (m.draw.below(8) != 0) return;
  if (m.draw.below(2) == 0) (void)happen();
  const unsigned w = m.draw.below(static_cast<unsigned>(m.warps.size()));
  if (w != m.current / 32 && m.warps[w].ready)
    go_to(32 * w + static_cast<unsigned>(__builtin_ctz(m.warps[w].ready)));
}

void run_grid(const char* name, Place launched_at, dim3 grid, dim3 block, std::size_t shared,
              std::uint64_t seed, const std::function<void()>& body) {
  Machine& m = machine();
  m.name = name;
  m.launched_at = launched_at;
  m.body = &body;
  m.shared_bytes = shared;
  m.draw.seed(seed);
  constexpr Mood kMoods[] = {Mood::early, Mood::late, Mood::mixed};
  m.copies = kMoods[m.draw.below(3)];
  m.products = kMoods[m.draw.below(3)];
  blockDim = block;
  gridDim = grid;
  // Blocks run in any order: first + i · stride, with no divisor in common with their number.
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  const std::uint64_t first = m.draw.next() % blocks;
  std::uint64_t stride = m.draw.below(4) == 0 ? 1 : 1 + m.draw.next() % blocks;
  while (std::gcd(stride, blocks) != 1) ++stride;
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const std::uint64_t b = (first + i * (stride % blocks)) % blocks;
    blockIdx = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                static_cast<unsigned>(b / grid.x / grid.y)};
    run_block(block);
  }
}

}  // namespace unsuperpose::cuda::emulation

namespace unsuperpose::cuda {

using namespace emulation;

namespace {

char block_state;  // what the race detector is told at barriers of the block
char warp_states[32];

}  // namespace

void sync_block(Place at) {
  Machine& m = machine();
  if (m.at_barrier == 0)
    m.barrier_at = at;
  else if (!same(m.barrier_at, at))
    stop(at, "the threads of a block are at different barriers: others wait at %s:%d", m.barrier_at.file,
         m.barrier_at.line);
  release(&block_state);
  if (++m.at_barrier < m.count) {
    wait_here("sync_block", at);
  } else {
    m.at_barrier = 0;
    const unsigned self = m.current;
    for (Warp& warp : m.warps) warp.ready = warp.lanes;
    const unsigned w = m.draw.below(static_cast<unsigned>(m.warps.size()));
    if (w != self / 32) go_to(32 * w);
  }
  acquire(&block_state);
}

void sync_warp(Place at) {
  const unsigned warp = machine().current / 32;
  release(&warp_states[warp]);
  together("sync_warp", at, nullptr, [](void* const(&)[32]) {});
  acquire(&warp_states[warp]);
}

}  // namespace unsuperpose::cuda
