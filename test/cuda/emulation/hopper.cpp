// Barriers that count bytes, bulk copies, and products by warpgroups; and when what was begun happens.
#include "emulation_hopper.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "machine.hpp"
#include "products.hpp"

namespace unsuperpose::cuda {

using namespace emulation;

namespace {

/// A barrier's 64 bits. Memory that was never written has another mark.
struct State {
  static constexpr unsigned kMark = 0x5A;
  std::uint32_t mark : 8, phase : 1, arrivals : 11, pending : 11;
  std::int32_t bytes;
};
static_assert(sizeof(State) == 8);

State load(const std::uint64_t* word, Place at) {
  check_shared(word, 8, 8, "a barrier", at);
  const State state = std::bit_cast<State>(*word);
  if (state.mark != State::kMark) stop(at, "the barrier was not initialised");
  return state;
}

/// Stores the state; a phase that is complete ends, and who waits for that can go on. The last of them, or the caller.
unsigned store(std::uint64_t* word, State state) {
  Machine& m = machine();
  const bool complete = state.pending == 0 && state.bytes == 0;
  if (complete) {
    state.phase ^= 1u;
    state.pending = state.arrivals;
  }
  *word = std::bit_cast<std::uint64_t>(state);
  unsigned woken = m.current;
  if (!complete) return woken;
  for (unsigned t = 0; t < m.count; ++t)
    if (m.threads[t]->barrier == word) {
      m.threads[t]->barrier = nullptr;
      make_ready(woken = t);
    }
  return woken;
}

template <class T>
void keep(T& list, const typename T::value_type& what) {
  const Unwatched unwatched;
  list.push_back(what);
}

void land_bulk(const Copy& copy) {
  land(copy);
  State state = load(copy.barrier, Place{});
  state.bytes -= static_cast<std::int32_t>(copy.bytes);
  (void)store(copy.barrier, state);
}

/// Rows of 128 bytes that a description names: an offset in shared memory, of which the lower bits say where in the rows.
std::size_t offset_of(std::uint64_t description) {
  return static_cast<std::size_t>(description & 0x3FFF) << 4;
}
constexpr unsigned kLeftRows = 64, kRightRows = 256;

bool overlap(std::uint64_t description, unsigned rows, const Copy& copy) {
  const unsigned char* from = machine().shared + offset_of(description) / 128 * 128;
  const auto* to = static_cast<const unsigned char*>(copy.to);
  return to < from + rows * 128 && from < to + copy.bytes;
}

template <class Sum>
void run_product(unsigned warp, const Product& product) {
  static Panel<kRightRows> panel;
  const unsigned char* shared = machine().shared;
  // The 32 bytes of a row, where the swizzle has put their 16-byte pieces.
  const auto row = [&](std::uint64_t description, unsigned r, unsigned char* to) {
    for (unsigned piece = 0; piece < 2; ++piece) {
      const std::size_t at = offset_of(description) + 128 * r + 16 * piece;
      std::memcpy(to + 16 * piece, shared + (at ^ (at >> 7 & 7) << 4), 16);
    }
    return to;
  };
  unsigned char bytes[32];
  panel.set<Sum>([&](unsigned j) { return row(product.b, j, bytes); });
  for (unsigned r = 0; r < 16; ++r) {
    alignas(16) Sum sums[kRightRows];
    const auto each = [&](const auto& visit) {
      for (unsigned j = 0; j < kRightRows; ++j)
        visit(sums[j], static_cast<Sum*>(product.sums[r % 8 * 4 + j % 8 / 2])[j / 8 * 4 + r / 8 * 2 + j % 2]);
    };
    each([&](Sum& sum, const Sum& lane) { sum = product.add ? lane : Sum(0); });
    panel.multiply(sums, row(product.a, 16 * (warp % 4) + r, bytes));
    each([](const Sum& sum, Sum& lane) { lane = sum; });
  }
}

void run(unsigned warp, Product& product) {
  if (product.done) return;
  const Unwatched unwatched;
  product.floats ? run_product<float>(warp, product) : run_product<int>(warp, product);
  product.done = true;
}

}  // namespace

namespace emulation {

bool happen() {
  const Unwatched unwatched;
  Machine& m = machine();
  const auto w = m.draw.below(static_cast<std::uint32_t>(m.warps.size()));
  if (m.products == Mood::mixed)
    for (Product& product : m.warps[w].products)
      if (!product.done) {
        run(w, product);
        break;
      }
  if (m.bulk_copies.empty()) return false;
  const std::size_t which = m.draw.below(static_cast<std::uint32_t>(m.bulk_copies.size()));
  const Copy copy = m.bulk_copies[which];
  m.bulk_copies.erase(m.bulk_copies.begin() + static_cast<std::ptrdiff_t>(which));
  land_bulk(copy);
  return true;
}

}  // namespace emulation

namespace hopper {

void Barrier::init(unsigned arrivals, Place at) {
  check_shared(&word, 8, 8, "a barrier", at);
  if (arrivals == 0 || arrivals > 1024) stop(at, "a barrier for %u arrivals", arrivals);
  if (std::bit_cast<State>(word).mark == State::kMark) stop(at, "the barrier is initialised already");
  writes(&word, 8);
  word = std::bit_cast<std::uint64_t>(State{State::kMark, 0, arrivals & 0x7FFu, arrivals & 0x7FFu, 0});
  keep(machine().unpublished, &word);
}

void publish_barriers() { machine().unpublished.clear(); }

void Barrier::arrive(Place at) { arrive_expecting(0, at); }

void Barrier::arrive_expecting(unsigned bytes, Place at) {
  reads(&word, 8);
  State state = load(&word, at);
  if (state.pending == 0)
    stop(at, "more arrivals than the %u that the barrier expects", unsigned{state.arrivals});
  release(&word);
  state.bytes += static_cast<std::int32_t>(bytes);
  state.pending = (state.pending - 1u) & 0x7FFu;
  const unsigned woken = store(&word, state);
  if (machine().draw.below(2) == 0) go_to(woken);
}

void Barrier::wait(unsigned parity, Place at) {
  reads(&word, 8);
  while (load(&word, at).phase == (parity & 1u)) {
    machine().thread().barrier = &word;
    wait_here("Barrier::wait", at);
  }
  acquire(&word);
}

void copy_bulk(void* shared, const void* global, unsigned bytes, Barrier& barrier, Place at) {
  Machine& m = machine();
  check_shared(shared, bytes, 16, "a copy", at);
  if (bytes == 0 || bytes % 16 != 0 || reinterpret_cast<std::uintptr_t>(global) % 16 != 0)
    stop(at, "a copy of %u bytes from %p: both must be multiples of 16", bytes, global);
  (void)load(&barrier.word, at);
  if (std::find(m.unpublished.begin(), m.unpublished.end(), &barrier.word) != m.unpublished.end())
    stop(at, "a copy for a barrier before publish_barriers()");
  reads(global, bytes);
  writes(shared, bytes);
  release(&barrier.word);
  const Copy copy{shared, global, bytes, 0, &barrier.word};
  for (const Warp& warp : m.warps)
    for (const Product& product : warp.products)
      if (overlap(product.a, kLeftRows, copy) || overlap(product.b, kRightRows, copy))
        stop(at, "a copy into shared memory that a product begun at %s:%d still reads", product.at.file,
             product.at.line);
  if (m.late(m.copies))
    keep(m.bulk_copies, copy);
  else
    land_bulk(copy);
}

void change_registers(const char* what, Place at) {
  together(what, at, nullptr, [](void* const(&)[32]) {});
}

std::uint64_t describe(const void* shared, Place at) {
  check_shared(shared, 128, 1024, "rows for products", at);
  const auto offset =
      static_cast<std::uint64_t>(static_cast<const unsigned char*>(shared) - machine().shared);
  return offset >> 4 | std::uint64_t{1} << 16 | std::uint64_t{1024 >> 4} << 32 | std::uint64_t{1} << 62;
}

void begin_products(Place at) {
  together("begin_products", at, nullptr, [](void* const(&)[32]) { machine().warp().begun = true; });
}

void end_products(Place at) {
  together("end_products", at, nullptr, [](void* const(&)[32]) { ++machine().warp().group; });
}

void wait_for_products(unsigned left, Place at) {
  struct Lane {
    unsigned left;
  } lane{left};
  together("wait_products", at, &lane, [](void* const(&lanes)[32]) {
    Machine& m = machine();
    Warp& warp = m.warp();
    const unsigned kept = static_cast<const Lane*>(lanes[0])->left;
    while (!warp.products.empty() && warp.products.front().group + kept < warp.group) {
      const Product& product = warp.products.front();
      // The race detector counts the reading to the end, too.
      reads(m.shared + offset_of(product.a) / 128 * 128, kLeftRows * 128);
      reads(m.shared + offset_of(product.b) / 128 * 128, kRightRows * 128);
      run(m.current / 32, warp.products.front());
      const Unwatched unwatched;
      warp.products.pop_front();
    }
    if (warp.products.empty()) warp.begun = false;
    release(&warp.described);
  });
  acquire(&machine().warp().described);
}

namespace {

template <class Sum>
struct Lane {
  Sum* sums;
  std::uint64_t a, b;
  bool add;
  Place at;
};

template <class Sum>
void begin_product(void* const (&lanes)[32]) {
  Machine& m = machine();
  Warp& warp = m.warp();
  const auto& first = *static_cast<const Lane<Sum>*>(lanes[0]);
  if (!warp.begun) stop(first.at, "multiply without begin_products()");
  Product product{std::is_same_v<Sum, float>, {}, first.a, first.b, first.add, false, warp.group, first.at};
  for (unsigned l = 0; l < 32; ++l) {
    const auto& lane = *static_cast<const Lane<Sum>*>(lanes[l]);
    if (lane.a != first.a || lane.b != first.b || lane.add != first.add)
      stop(first.at, "lane %u multiplies other rows than lane 0", l);
    product.sums[l] = lane.sums;
  }
  for (const auto& [description, rows] : {std::pair{first.a, kLeftRows}, std::pair{first.b, kRightRows}}) {
    const std::size_t from = offset_of(description), start = from / 128 * 128;
    if (start % 1024 != 0 || from % 128 > 96) stop(first.at, "rows for products at byte %zu", from);
    check_shared(m.shared + start, rows * 128, 1024, "rows for products", first.at);
    reads(m.shared + start, rows * 128);
  }
  warp.described =
      (warp.described ^ first.a) * 0x9E3779B97F4A7C15u ^ first.b ^ std::uint64_t{first.add} << 63;
  release(&warp.described);
  keep(warp.products, product);
  if (m.late(m.products)) return;
  // In the order in which they were begun: sums are added up.
  for (Product& each : warp.products) run(m.current / 32, each);
}

}  // namespace

void multiply(int (&c)[128], std::uint64_t a, std::uint64_t b, bool add, Place at) {
  Lane<int> lane{c, a, b, add, at};
  together("multiply (int8, warpgroup)", at, &lane, begin_product<int>);
}
void multiply(float (&c)[128], std::uint64_t a, std::uint64_t b, bool add, Place at) {
  Lane<float> lane{c, a, b, add, at};
  together("multiply (float16, warpgroup)", at, &lane, begin_product<float>);
}

}  // namespace hopper
}  // namespace unsuperpose::cuda
