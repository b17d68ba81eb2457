#include "device.hpp"

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace unsuperpose::device {
namespace {

/// The oldest compute capability that the kernels are compiled for.
constexpr int kOldestMajor = 8;

/// The table in use. Never taken back: devices and what lives on them refer to it.
std::atomic<const UnsuperposeCuda*> current{nullptr};

/// Those that find() has answered. Never freed, so that a thread which outlives main() may still use one.
struct Found {
  std::mutex mutex;
  std::map<int, std::unique_ptr<Device>> devices;
};
Found& found() {
  static auto* const all = new Found;
  return *all;
}

Status not_loaded() { return Status::fail(Code::no_device, "no CUDA module is loaded"); }

/// The message as far as it goes: a module's mistake must not be read past its end.
std::string text_of(const UnsuperposeCudaError& error, const char* otherwise) {
  const void* end = std::memchr(error.message, 0, sizeof error.message);
  const std::size_t length =
      end ? static_cast<std::size_t>(static_cast<const char*>(end) - error.message) : sizeof error.message;
  return length == 0 ? otherwise : std::string(error.message, length);
}

/// What was wanted and what there is, as far as both are known. More may be free than is wanted: a device gives memory in whole pieces and in a row,
/// and what is free is asked for after the fact.
std::string shortage_of(const UnsuperposeCudaError& error) {
  const bool known = error.bytes_free != UNSUPERPOSE_CUDA_UNKNOWN;
  const std::string free = std::to_string(error.bytes_free);
  if (error.bytes_wanted == 0) return known && error.bytes_free > 0 ? ": " + free + " bytes are free" : "";
  const std::string wanted = ": " + std::to_string(error.bytes_wanted) + " bytes are wanted";
  if (!known) return wanted;
  if (error.bytes_wanted > error.bytes_free) return wanted + ", " + free + " are free";
  return wanted + " in one piece, " + free +
         " are free by now: in smaller pieces, or another process had some of them";
}

Status lost(int index) {
  return Status::fail(Code::native,
                      "CUDA device " + std::to_string(index) +
                          " has failed before and cannot be used again in this process; device 'cpu' can");
}

/// ERR_NO_DEVICE unless the kernels run on that device.
Status check(int index) {
  int devices = 0;
  if (Status status = count(devices); !status.ok()) return status;
  if (index < 0 || index >= devices)
    return Status::fail(Code::no_device,
                        "there is no CUDA device " + std::to_string(index) + ": there " +
                            (devices == 1 ? "is 1, number 0"
                                          : "are " + std::to_string(devices) + ", numbers 0 to " +
                                                std::to_string(devices - 1)));
  UnsuperposeCudaDescription description{};
  if (Status status = describe(index, description); !status.ok()) return status;
  if (description.major >= kOldestMajor) return {};
  return Status::fail(Code::no_device, "CUDA device " + std::to_string(index) + " has compute capability " +
                                           std::to_string(description.major) + "." +
                                           std::to_string(description.minor) + ", the kernels need " +
                                           std::to_string(kOldestMajor) + ".0 or newer");
}

}  // namespace

Status use(const UnsuperposeCuda* table) {
  if (!table || table->abi_version != UNSUPERPOSE_CUDA_ABI_VERSION ||
      table->struct_size < sizeof(UnsuperposeCuda)) {
    const std::string has = table ? "has version " + std::to_string(table->abi_version) + " of " +
                                        std::to_string(table->struct_size) + " bytes"
                                  : "is missing";
    return Status::fail(Code::native, "the CUDA module's table " + has + ", this build needs version " +
                                          std::to_string(UNSUPERPOSE_CUDA_ABI_VERSION) + " of " +
                                          std::to_string(sizeof(UnsuperposeCuda)) +
                                          " bytes: the two were not built together");
  }
  const UnsuperposeCuda* before = nullptr;
  if (current.compare_exchange_strong(before, table) || before == table) return {};
  return Status::fail(Code::native, "another CUDA module is in use in this process");
}

bool loaded() { return current.load() != nullptr; }

Status count(int& devices) {
  devices = 0;
  const UnsuperposeCuda* table = current.load();
  if (!table) return not_loaded();
  UnsuperposeCudaError error{};
  std::int32_t answer = 0;
  if (Status status = status_of(table->count(&answer, &error), error); !status.ok()) return status;
  if (answer < 1) return Status::fail(Code::no_device, "the CUDA driver shows no device");
  devices = answer;
  return {};
}

Status describe(int index, UnsuperposeCudaDescription& description) {
  const UnsuperposeCuda* table = current.load();
  if (!table) return not_loaded();
  UnsuperposeCudaError error{};
  Status status = status_of(table->describe(index, &description, &error), error);
  description.name[sizeof description.name - 1] = 0;
  return status;
}

Status find(int index, Device*& out) {
  const UnsuperposeCuda* table = current.load();
  if (!table) return not_loaded();
  Found& all = found();
  const std::lock_guard lock(all.mutex);
  auto at = all.devices.find(index);
  if (at == all.devices.end()) {
    if (Status status = check(index); !status.ok()) return status;
    at = all.devices.emplace(index, std::make_unique<Device>(table, index)).first;
  }
  if (at->second->lost.load()) return lost(index);
  out = at->second.get();
  return {};
}

Room::Room(Device* device, std::size_t size) : size_(size) {
  if (device && size > 0 && !device->lost.load()) {
    UnsuperposeCudaError error{};
    void* memory = nullptr;
    if (device->table->pin(device->index, bytes_of(size, sizeof(float)), &memory, &error) ==
        UNSUPERPOSE_CUDA_OK) {
      table_ = device->table;
      pinned_ = static_cast<float*>(memory);
      return;
    }
  }
  plain_ = AlignedBuffer<float>(size);
}

Room::~Room() {
  if (pinned_) table_->unpin(pinned_);
}

Room::Room(Room&& other) noexcept
    : size_(std::exchange(other.size_, 0)),
      table_(other.table_),
      pinned_(std::exchange(other.pinned_, nullptr)),
      plain_(std::move(other.plain_)) {}

Room& Room::operator=(Room&& other) noexcept {
  std::swap(size_, other.size_);
  std::swap(table_, other.table_);
  std::swap(pinned_, other.pinned_);
  std::swap(plain_, other.plain_);
  return *this;
}

Status status_of(int code, const UnsuperposeCudaError& error) {
  switch (code) {
    case UNSUPERPOSE_CUDA_OK: return {};
    case UNSUPERPOSE_CUDA_NO_DEVICE:
      return Status::fail(Code::no_device, text_of(error, "no usable CUDA device"));
    case UNSUPERPOSE_CUDA_MEMORY:
      return Status::fail(Code::too_large,
                          text_of(error, "the CUDA device's memory does not suffice") + shortage_of(error));
    case UNSUPERPOSE_CUDA_CANCELLED: return Status::cancelled();
    default: return Status::fail(Code::native, text_of(error, "the CUDA device failed"));
  }
}

Status status_of(Device& device, int code, const UnsuperposeCudaError& error) {
  if (code == UNSUPERPOSE_CUDA_FAILED) device.lost.store(true);
  return status_of(code, error);
}

}  // namespace unsuperpose::device
