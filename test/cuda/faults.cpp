// Planted faults are caught by the emulation. A fault runs in a process of its own (this program with the fault's name), once for each
// of several seeds.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include "../../native/cuda/hopper.cuh"
#include "device_memory.hpp"

namespace unsuperpose::cuda {
namespace {

using hopper::Barrier;

#if defined(__SANITIZE_THREAD__)
constexpr bool kFindsRaces = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kFindsRaces = true;
#else
constexpr bool kFindsRaces = false;
#endif
#else
constexpr bool kFindsRaces = false;
#endif

/// What a kernel with a fault has made of a word for each of 256 threads: 3 i + 1 where all is well.
bool right(const DeviceArray<unsigned>& words) {
  const auto out = words.read();
  for (unsigned i = 0; i < 256; ++i)
    if (out[i] != 3 * i + 1) return false;
  return true;
}
std::vector<unsigned> expected_words() {
  std::vector<unsigned> words(256);
  for (unsigned i = 0; i < 256; ++i) words[i] = 3 * i + 1;
  return words;
}

KERNEL copy_kernel(const unsigned* in, unsigned* out, bool waits) {
  SHARED(memory);
  if (threadIdx.x < 64) copy_async(memory + 16 * threadIdx.x, in + 4 * threadIdx.x);
  copy_commit();
  if (waits) copy_wait<0>();
  sync_block();
  out[threadIdx.x] = reinterpret_cast<const unsigned*>(memory)[threadIdx.x];
  copy_wait<0>();
}
bool copies(bool waits) {
  const DeviceArray<unsigned> in(expected_words()), out(256);
  LAUNCH(copy_kernel, 1, 256, 1024, nullptr, in.data(), out.data(), waits);
  return right(out);
}

KERNEL handover_kernel(unsigned* out, bool syncs) {
  SHARED(memory);
  unsigned* words = reinterpret_cast<unsigned*>(memory);
  words[threadIdx.x] = 3 * threadIdx.x + 1;
  if (syncs) sync_block();
  out[255 - threadIdx.x] = words[255 - threadIdx.x];
}
bool handover(bool syncs) {
  const DeviceArray<unsigned> out(256);
  LAUNCH(handover_kernel, 1, 256, 1024, nullptr, out.data(), syncs);
  return right(out);
}

/// The same 64 x 256 sums over five chunks; a stage is given back before or after its products were waited for.
KERNEL stages_kernel(const unsigned char* chunks, int* out, bool early) {
  SHARED(memory);
  constexpr unsigned kStage = 320 * 128, kChunks = 5;
  Barrier* full = reinterpret_cast<Barrier*>(memory + kStage);
  Barrier* empty = full + 1;
  if (threadIdx.x == 0) {
    full->init(1);
    empty->init(4);
    hopper::publish_barriers();
  }
  sync_block();
  if (threadIdx.x >= 128) {
    if (threadIdx.x == 128)
      for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
        empty->wait((chunk & 1u) ^ 1u);
        full->arrive_expecting(kStage);
        hopper::copy_bulk(memory, chunks + std::size_t{chunk} * kStage, kStage, *full);
      }
    return;
  }
  int sums[128];
  for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
    full->wait(chunk & 1u);
    hopper::begin_products();
    hopper::multiply(sums, hopper::describe(memory), hopper::describe(memory + 64 * 128), chunk > 0);
    hopper::end_products();
    if (early && lane() == 0) empty->arrive();
    sync_warp();
    sync_warp();
    hopper::wait_products<0>();
    if (!early && lane() == 0) empty->arrive();
  }
  for (unsigned i = 0; i < 128; ++i) out[128 * threadIdx.x + i] = sums[i];
}
bool stages(bool early) {
  std::vector<unsigned char> chunks(5 * 320 * 128);
  for (std::size_t i = 0; i < chunks.size(); ++i) chunks[i] = static_cast<unsigned char>(i * i / 7 + i);
  int expected = 0;  // the first sum of the first thread; row 0 is not swizzled
  for (std::size_t chunk = 0; chunk < 5; ++chunk)
    for (std::size_t k = 0; k < 32; ++k)
      expected += static_cast<std::int8_t>(chunks[chunk * 320 * 128 + k]) *
                  static_cast<std::int8_t>(chunks[(chunk * 320 + 64) * 128 + k]);
  const DeviceArray<unsigned char> in(chunks);
  const DeviceArray<int> out(128 * 128);
  cudaFuncSetAttribute(stages_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 320 * 128 + 16);
  LAUNCH(stages_kernel, 1, 160, 320 * 128 + 16, nullptr, in.data(), out.data(), early);
  return out.read()[0] == expected;
}

/// Pinned memory that is read before the stream has got there.
bool reads_back(bool waits) {
  const DeviceArray<unsigned> in(expected_words());
  unsigned* to = nullptr;
  cudaMallocHost(&to, 1024);
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaMemcpyAsync(to, in.data(), 1024, cudaMemcpyDeviceToHost, stream);
  if (waits) cudaStreamSynchronize(stream);
  const bool there = to[255] == 3 * 255 + 1;
  cudaStreamDestroy(stream);
  cudaFreeHost(to);
  return there;
}

enum class Wrong {
  barrier_lines,
  barrier_missed,
  warp_operations,
  warp_lines,
  warp_part,
  shared_write,
  shared_copy,
  shared_matrix,
  misaligned,
  no_wait,
  deadlock,
  no_barrier,
  unpublished,
  arrivals,
  no_begin,
  no_products_wait,
  other_products
};

KERNEL wrong_kernel(Wrong wrong, const unsigned* in, unsigned* out, unsigned bytes) {
  SHARED(memory);
  Barrier* barrier = reinterpret_cast<Barrier*>(memory);
  int sums[128];
  switch (wrong) {
    case Wrong::barrier_lines:
      if (threadIdx.x < 16)
        sync_block();
      else
        sync_block();
      break;
    case Wrong::barrier_missed:
      if (threadIdx.x != 5) sync_block();
      break;
    case Wrong::warp_operations:
      if (lane() < 9)
        out[threadIdx.x] = ballot(true);
      else
        sync_warp();
      break;
    case Wrong::warp_lines:
      if (lane() < 9)
        sync_warp();
      else
        sync_warp();
      break;
    case Wrong::warp_part:
      if (lane() < 9) out[threadIdx.x] = shuffle(threadIdx.x, 0);
      break;
    case Wrong::shared_write:
      if (threadIdx.x == 0) memory[bytes] = 1;
      break;
    case Wrong::shared_copy: copy_async(memory + bytes, in); break;
    case Wrong::shared_matrix: {
      std::uint32_t to[4];
      load_matrices(to, memory + bytes - 16 + 16 * (lane() == 31));
      break;
    }
    case Wrong::misaligned: copy_async(memory + 8, in); break;
    case Wrong::no_wait: copy_async(memory + 16 * threadIdx.x, in); break;
    case Wrong::deadlock:
      if (threadIdx.x == 0) barrier->init(2);
      sync_block();
      if (threadIdx.x < 2) barrier->wait(threadIdx.x);
      break;
    case Wrong::no_barrier: barrier->arrive(); break;
    case Wrong::unpublished:
      if (threadIdx.x == 0) {
        barrier->init(1);
        hopper::copy_bulk(memory + 64, in, 16, *barrier);
      }
      break;
    case Wrong::arrivals:
      if (threadIdx.x == 0) {
        barrier->init(1);
        barrier->arrive_expecting(16);
        barrier->arrive();
      }
      break;
    case Wrong::no_begin:
      hopper::multiply(sums, hopper::describe(memory), hopper::describe(memory), false);
      break;
    case Wrong::no_products_wait:
    case Wrong::other_products:
      hopper::begin_products();
      hopper::multiply(
          sums, hopper::describe(memory),
          hopper::describe(memory + (wrong == Wrong::other_products && threadIdx.x < 32 ? 1024 : 0)), false);
      hopper::end_products();
      if (wrong == Wrong::other_products) hopper::wait_products<0>();
      break;
  }
}
void run_wrong(Wrong wrong) {
  const DeviceArray<unsigned> in(256), out(256);
  constexpr unsigned kBytes = 40 * 1024;
  LAUNCH(wrong_kernel, 2, 128, kBytes, nullptr, wrong, in.data(), out.data(), kBytes);
  cudaDeviceSynchronize();
}

KERNEL overrun_kernel(unsigned* out) { out[threadIdx.x] = 0; }
void overrun() {
  const DeviceArray<unsigned> out(31);
  LAUNCH(overrun_kernel, 1, 32, 0, nullptr, out.data());
}

/// A fault and what is to be said of it; an empty message: results are wrong for some seed, and right where `mended`.
struct Fault {
  const char* name;
  const char* message;
  bool (*results)(bool mended);
  Wrong wrong;
};
const Fault kFaults[] = {
    {"copy-not-waited-for", "", copies, {}},
    {"no-barrier-between", "", handover, {}},
    {"stage-released-early", "", [](bool mended) { return stages(!mended); }, {}},
    {"read-before-stream", "", reads_back, {}},
    {"barriers-on-two-lines", "different barriers", nullptr, Wrong::barrier_lines},
    {"barrier-missed", "1 threads, 5 ... 5, have ended", nullptr, Wrong::barrier_missed},
    {"warp-operations-differ", "not together", nullptr, Wrong::warp_operations},
    {"warp-lines-differ", "not together", nullptr, Wrong::warp_lines},
    {"warp-operation-by-some", "wait in shuffle", nullptr, Wrong::warp_part},
    {"shared-write-outside", "outside its 40960 bytes", nullptr, Wrong::shared_write},
    {"shared-copy-outside", "at 40960 of 40960 bytes", nullptr, Wrong::shared_copy},
    {"shared-matrix-outside", "at 40960 of 40960 bytes", nullptr, Wrong::shared_matrix},
    {"copy-misaligned", "no multiple of 16", nullptr, Wrong::misaligned},
    {"copy-left-behind", "without waiting", nullptr, Wrong::no_wait},
    {"deadlock", "wait in Barrier::wait", nullptr, Wrong::deadlock},
    {"barrier-not-initialised", "not initialised", nullptr, Wrong::no_barrier},
    {"barrier-not-published", "publish_barriers", nullptr, Wrong::unpublished},
    {"too-many-arrivals", "more arrivals", nullptr, Wrong::arrivals},
    {"products-not-begun", "begin_products", nullptr, Wrong::no_begin},
    {"products-left-behind", "without waiting for its products", nullptr, Wrong::no_products_wait},
    {"products-differ", "did not begin the same products", nullptr, Wrong::other_products},
    {"device-memory-overrun", "past the end of an allocation of 124 bytes", nullptr, {}},
};

/// The child's part.
int commit(const char* name, bool mended) {
  for (const Fault& fault : kFaults)
    if (std::strcmp(fault.name, name) == 0) {
      if (fault.results)
        std::printf(fault.results(mended) ? "right\n" : "wrong\n");
      else if (std::strcmp(name, "device-memory-overrun") == 0)
        overrun();
      else
        run_wrong(fault.wrong);
      return 0;
    }
  return 2;
}

struct Outcome {
  int status;
  std::string said;
};
Outcome spawn(const char* name, bool mended, unsigned seed) {
  char self[4096] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) std::abort();
  const std::string command = "UNSUPERPOSE_EMULATED_SEED=" + std::to_string(seed) + " '" + self + "' " +
                              name + (mended ? " mended" : "") + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) std::abort();
  Outcome outcome;
  char line[4096];
  while (std::fgets(line, sizeof line, pipe)) outcome.said += line;
  outcome.status = pclose(pipe);
  return outcome;
}

void faults_are_caught() {
  constexpr unsigned kSeeds = kFindsRaces ? 3 : 8;  // the race detector takes its time
  for (const Fault& fault : kFaults) {
    unsigned caught = 0;
    for (unsigned seed = 0; seed < kSeeds; ++seed) {
      const Outcome outcome = spawn(fault.name, false, seed);
      if (!fault.results) {
        // The address sanitizer speaks first of what is outside; where is said by each.
        const bool sanitizer = outcome.said.find("Sanitizer") != std::string::npos;
        check::that(
            outcome.status != 0 && (sanitizer || outcome.said.find(fault.message) != std::string::npos),
            "%s, seed %u: status %d, said %s", fault.name, seed, outcome.status, outcome.said.c_str());
        check::that(outcome.said.find("emulation") != std::string::npos, "%s does not say where: %s",
                    fault.name, outcome.said.c_str());
        break;
      }
      caught += outcome.status != 0 || outcome.said.find("wrong") != std::string::npos;
      const Outcome mended = spawn(fault.name, true, seed);
      check::that(mended.status == 0 && mended.said.find("right") != std::string::npos,
                  "%s mended, seed %u: %s", fault.name, seed, mended.said.c_str());
    }
    if (fault.results)
      check::that(3 * caught >= kSeeds, "%s is caught by %u of %u seeds", fault.name, caught, kSeeds);
  }
  if (kFindsRaces) {
    const Outcome outcome = spawn("no-barrier-between", false, 1);
    check::that(outcome.said.find("data race") != std::string::npos &&
                    outcome.said.find("handover_kernel") != std::string::npos,
                "the race detector said %s", outcome.said.c_str());
  }
}

}  // namespace
}  // namespace unsuperpose::cuda

int main(int argc, char** argv) {
  using namespace unsuperpose;
  if (argc > 1) return cuda::commit(argv[1], argc > 2);
  cuda::faults_are_caught();
  return check::finish();
}
