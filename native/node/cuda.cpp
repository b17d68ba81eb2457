#include <string>
#include <vector>

#include "../scoring/device.hpp"
#include "answers.hpp"
#include "exports.hpp"
#include "guard.hpp"

namespace unsuperpose::node {
namespace {

constexpr napi_type_tag kTableTag{UNSUPERPOSE_CUDA_TAG_LOWER, UNSUPERPOSE_CUDA_TAG_UPPER};

/// (table: the external that the CUDA module exports)
Napi::Value use_cuda(const Napi::CallbackInfo& call) {
  bool matches = false;
  void* table = nullptr;
  if (!call[0].IsExternal() ||
      napi_check_object_type_tag(call.Env(), call[0], &kTableTag, &matches) != napi_ok || !matches ||
      napi_get_value_external(call.Env(), call[0], &table) != napi_ok)
    refuse(Code::native, "this is no CUDA module of unsuperpose: it exports no table");
  require(device::use(static_cast<const UnsuperposeCuda*>(table)));
  return call.Env().Undefined();
}

/// () → [{ name, major, minor, multiprocessors, driver, runtime, emulated, memory, free, unusable }]; throws where there is none. `free` is bytes, or 0 where
/// no call has used the device
Napi::Value cuda_devices(const Napi::CallbackInfo& call) {
  int devices = 0;
  require(device::count(devices));
  Napi::Array list = Napi::Array::New(call.Env(), static_cast<std::size_t>(devices));
  for (int index = 0; index < devices; ++index) {
    UnsuperposeCudaDescription found{};
    Status status = device::describe(index, found);
    device::Device* unused = nullptr;
    if (status.ok()) status = device::find(index, unused);
    list.Set(static_cast<std::uint32_t>(index),
             object(call.Env(), {
                                    {"name", std::string(found.name)},
                                    {"major", found.major},
                                    {"minor", found.minor},
                                    {"multiprocessors", found.multiprocessors},
                                    {"driver", found.driver},
                                    {"runtime", found.runtime},
                                    {"emulated", found.emulated != 0},
                                    {"memory", found.memory},
                                    {"free", found.free},
                                    {"unusable", status.message},
                                }));
  }
  return list;
}

}  // namespace

void add_cuda(Napi::Object exports) {
  add<use_cuda, 1>(exports, "useCuda");
  add<cuda_devices, 0>(exports, "cudaDevices");
}

}  // namespace unsuperpose::node
