#include "tray.hpp"

#include <cstdint>
#include <cstring>

#include "../core/aligned.hpp"
#include "answers.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "guard.hpp"

namespace unsuperpose::node {
namespace {

/// Beyond it copying entry by entry costs more than the typed arrays would: some 32 samples.
constexpr std::size_t kBytes = 16384;
/// The counts of the arrays stand at the front.
constexpr std::size_t kMostArrays = 16;
/// Where arrays begin: that of the widest entries.
constexpr std::size_t kAlignment = sizeof(double);

/// () → { float32, float64, uint8, uint32 }
Napi::Value views(const Napi::CallbackInfo& call) {
  return Environment::of(call.Env()).tray().views(call.Env());
}

}  // namespace

Tray::Tray(Napi::Env env) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, kBytes);
  memory_ = static_cast<unsigned char*>(buffer.Data());
  buffer_ = Napi::Persistent(buffer.As<Napi::Object>());
  buffer_.SuppressDestruct();  // freed with the environment, which may be gone by then
}

bool Tray::lay(std::initializer_list<Array> arrays) {
  std::size_t bytes = kMostArrays * sizeof(std::uint32_t);
  for (const Array& array : arrays) {
    if (array.count > kBytes) return false;
    bytes += round_up(array.count * array.size, kAlignment);
  }
  if (arrays.size() > kMostArrays || bytes > kBytes) return false;
  unsigned char* count = memory_;
  unsigned char* at = memory_ + kMostArrays * sizeof(std::uint32_t);
  for (const Array& array : arrays) {
    const auto entries = static_cast<std::uint32_t>(array.count);
    std::memcpy(count, &entries, sizeof entries);
    count += sizeof entries;
    if (entries > 0) std::memcpy(at, array.data, array.count * array.size);
    at += round_up(array.count * array.size, kAlignment);
  }
  return true;
}

Napi::Value Tray::views(Napi::Env env) const {
  const auto buffer = buffer_.Value().As<Napi::ArrayBuffer>();
  const Napi::Value float32 = Napi::Float32Array::New(env, kBytes / sizeof(float), buffer, 0);
  const Napi::Value float64 = Napi::Float64Array::New(env, kBytes / sizeof(double), buffer, 0);
  const Napi::Value uint8 = Napi::Uint8Array::New(env, kBytes, buffer, 0);
  const Napi::Value uint32 = Napi::Uint32Array::New(env, kBytes / sizeof(std::uint32_t), buffer, 0);
  return object(env, {{"float32", float32}, {"float64", float64}, {"uint8", uint8}, {"uint32", uint32}});
}

void add_tray(Napi::Object exports) { add<views, 0>(exports, "tray"); }

}  // namespace unsuperpose::node
