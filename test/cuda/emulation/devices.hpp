// The state behind the CUDA runtime's functions.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "machine.hpp"

/// What was asked of a stream and is not done; tickets count what was asked.
struct EmulatedStream {
  std::deque<std::function<void()>> queue;
  std::uint64_t asked = 0, done = 0;
};
struct EmulatedEvent {
  std::shared_ptr<EmulatedStream> stream;
  std::uint64_t ticket = 0;
  std::chrono::steady_clock::time_point when;
};

namespace unsuperpose::cuda::emulation {

/// Memory that the runtime gave out.
struct Block {
  std::size_t bytes;
  int device;  // -1: pinned memory of the host
};

struct Runtime {
  std::recursive_mutex mutex;
  Faults faults;
  std::map<unsigned char*, Block> blocks;
  std::map<int, std::uint64_t> used;
  std::set<int> started;
  std::map<const void*, std::size_t> shared_limits;
  std::vector<std::shared_ptr<EmulatedStream>> streams;
  std::shared_ptr<EmulatedStream> null_stream = std::make_shared<EmulatedStream>();

  std::shared_ptr<EmulatedStream> find(cudaStream_t stream) const {
    if (!stream) return null_stream;
    for (const auto& each : streams)
      if (each.get() == stream) return each;
    return nullptr;
  }
  std::uint64_t operations = 0, launches = 0;
  bool lost = false;
  Draw draw;
};
Runtime& runtime();
extern thread_local int current_device;

/// Remembers an error for cudaGetLastError().
cudaError_t answer(cudaError_t error);
/// What every call that uses the device comes to first.
cudaError_t state();
struct Call {
  Call() : lock(runtime().mutex), error(state()) {}
  std::lock_guard<std::recursive_mutex> lock;
  cudaError_t error;
};

/// What those come to first that start CUDA on the current device.
struct Starting : Call {
  Starting() {
    if (error == cudaSuccess) runtime().started.insert(current_device);
  }
};

/// Does what a stream was asked, up to a ticket.
void run_until(EmulatedStream& stream, std::uint64_t ticket);
inline void run_all(EmulatedStream& stream) { run_until(stream, stream.asked); }
void run_everything();
/// A task that uses the device, or with `counts` false one that only orders others.
cudaError_t ask(cudaStream_t stream, std::function<void()> task, bool counts = true);

}  // namespace unsuperpose::cuda::emulation
