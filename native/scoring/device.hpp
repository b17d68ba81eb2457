// The CUDA module's table, once lib/ has loaded the module and handed it over, and the devices it finds. All that is above the table
// asks here; nothing here asks a GPU before the first count(), describe() or find(). Any thread may ask.
#pragma once
#include <atomic>

#include "../core/aligned.hpp"
#include "../core/status.hpp"
#include "../cuda/abi.h"

namespace unsuperpose::device {

/// A device that calls may use. Lives as long as the process.
struct Device {
  const UnsuperposeCuda* table;
  int index;
  std::atomic<bool> lost{false};  // it has failed: nothing may be asked of it any more

  Device(const UnsuperposeCuda* table_, int index_) : table(table_), index(index_) {}
};

/// Takes a module's table, which must outlive the process's last call. ERR_NATIVE for one of another version than this build's, or
/// where another module's is in use.
Status use(const UnsuperposeCuda* table);
bool loaded();

/// How many devices there are: at least one. ERR_NO_DEVICE otherwise.
Status count(int& devices);
/// Also what memory is free, where a call has used the device; else 0.
Status describe(int index, UnsuperposeCudaDescription& description);

/// The device of that number. ERR_NO_DEVICE where there is none that the kernels run on, ERR_NATIVE once it has failed.
Status find(int index, Device*& out);

/// Thrown where a device answers anything but success to code that has no status to answer with.
struct Failed {
  Status status;
};

/// Floats of the host, not initialised, which copies to a device reach without a detour; as any others without a device, or where that memory is
/// not to be had. Movable.
class Room {
 public:
  Room(Device* device, std::size_t size);
  ~Room();
  Room(Room&& other) noexcept;
  Room& operator=(Room&& other) noexcept;
  float* data() const { return pinned_ ? pinned_ : plain_.data(); }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  const UnsuperposeCuda* table_ = nullptr;
  float* pinned_ = nullptr;
  AlignedBuffer<float> plain_;
};

/// What a function of the table has answered.
Status status_of(int code, const UnsuperposeCudaError& error);
/// The same of one that was asked of this device, which is lost where it failed.
Status status_of(Device& device, int code, const UnsuperposeCudaError& error);

}  // namespace unsuperpose::device
