// What V8 is told of native memory, so that it collects what JavaScript has let go of before the memory is gone. All of it belongs to one
// JavaScript thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "napi.hpp"

namespace unsuperpose::node {

/// Bytes that V8 counts as long as this lives. Movable.
class ReportedBytes {
 public:
  ReportedBytes() = default;
  explicit ReportedBytes(napi_env env) : env_(env) {}
  ReportedBytes(ReportedBytes&& other) noexcept
      : env_(std::exchange(other.env_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  ReportedBytes& operator=(ReportedBytes&& other) noexcept {
    std::swap(env_, other.env_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~ReportedBytes() { set(0); }

  void set(std::size_t bytes) {
    if (!env_ || bytes == bytes_) return;
    std::int64_t now = 0;
    napi_adjust_external_memory(env_, static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(bytes_),
                                &now);
    bytes_ = bytes;
  }

 private:
  napi_env env_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Native memory that a handle holds. It grows as calls use it: packed copies and Gram matrices are made by the first that needs them.
class Counted {
 public:
  virtual ~Counted() = default;
  /// Counts again; nothing once the handle is gone.
  virtual void count_again() = 0;
};

/// What the export that runs on this thread has copied, and the handles that it has used.
struct CallMemory {
  std::size_t copied = 0;
  std::vector<std::shared_ptr<Counted>> used;

  static CallMemory& now();

  /// Around an export. At its end the handles that no job has taken are counted again.
  class Scope {
   public:
    Scope() { now() = {}; }
    ~Scope() {
      for (const auto& handle : now().used) handle->count_again();
      now() = {};
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };
};

}  // namespace unsuperpose::node
