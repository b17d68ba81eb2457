#include "pinned.hpp"

#include <mutex>
#include <vector>

#include "device.hpp"

namespace unsuperpose::cuda {

namespace {

/// What nobody uses is kept up to so many bytes: two batches of 4,096 samples at dims 4,096.
constexpr std::size_t kKept = std::size_t{128} << 20;

constexpr std::size_t kLeast = std::size_t{1} << 20;

struct Block {
  unsigned char* data;
  std::size_t bytes;
  int device;
  bool taken;
};

struct Blocks {
  std::mutex mutex;
  std::vector<Block> all;
};
/// Never freed: threads may outlive main(), and with the process all is given back.
Blocks& blocks() {
  static auto* const all = new Blocks;
  return *all;
}

/// Of a device that is lost too.
void free_pinned(const Block& block) {
  try {
    const OnDevice here(block.device);
    (void)cudaFreeHost(block.data);
  } catch (const Failure&) {
    (void)cudaFreeHost(block.data);
  }
}

}  // namespace

void* take_pinned(int device, std::size_t asked) {
  // Few sizes, so that one serves another's turn.
  std::size_t bytes = kLeast;
  while (bytes < asked && bytes <= kKept) bytes *= 2;
  bytes = std::max(bytes, asked);
  Blocks& known = blocks();
  const std::lock_guard<std::mutex> lock(known.mutex);
  Block* best = nullptr;
  for (Block& block : known.all)
    if (!block.taken && block.bytes >= bytes && (!best || block.bytes < best->bytes)) best = &block;
  if (best) {
    best->taken = true;
    return best->data;
  }
  known.all.reserve(known.all.size() + 1);
  const OnDevice here(device);
  void* made = nullptr;
  check(cudaMallocHost(&made, bytes), "taking pinned memory of the host", bytes, Place::host);
  known.all.push_back({static_cast<unsigned char*>(made), bytes, device, true});
  return made;
}

void give_pinned(void* memory) {
  Blocks& known = blocks();
  const std::lock_guard<std::mutex> lock(known.mutex);
  std::size_t kept = 0;
  for (const Block& block : known.all)
    if (!block.taken) kept += block.bytes;
  for (std::size_t i = 0; i < known.all.size(); ++i) {
    Block& block = known.all[i];
    if (block.data != memory) continue;
    block.taken = false;
    if (kept + block.bytes <= kKept) return;
    free_pinned(block);
    known.all.erase(known.all.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

bool is_pinned(const void* memory, std::size_t bytes) {
  Blocks& known = blocks();
  const std::lock_guard<std::mutex> lock(known.mutex);
  const auto* first = static_cast<const unsigned char*>(memory);
  for (const Block& block : known.all)
    if (block.taken && first >= block.data && first + bytes <= block.data + block.bytes) return true;
  return false;
}

}  // namespace unsuperpose::cuda
