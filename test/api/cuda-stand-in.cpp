// A CUDA module without CUDA: its devices are made up, and STAND_IN says what is wrong with it. cuda-module.test.ts compiles it together
// with native/cuda/node_entry.cpp.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../native/cuda/abi.h"

namespace {

bool is(const char* name) {
  const char* asked = std::getenv("STAND_IN");
  return asked && std::strcmp(asked, name) == 0;
}

int fail(UnsuperposeCudaError* error, int code, const char* message) {
  std::snprintf(error->message, sizeof error->message, "%s", message);
  return code;
}

int count(std::int32_t* devices, UnsuperposeCudaError* error) {
  *devices = 0;
  if (is("no-driver")) return fail(error, UNSUPERPOSE_CUDA_NO_DEVICE, "no NVIDIA driver is installed");
  if (is("broken")) return fail(error, UNSUPERPOSE_CUDA_FAILED, "the driver failed");
  if (is("say-nothing")) return 77;
  if (!is("empty")) *devices = 3;
  return UNSUPERPOSE_CUDA_OK;
}

/// 0: too old; 1: emulated; 2: as devices should be, and in use.
int describe(std::int32_t device, UnsuperposeCudaDescription* out, UnsuperposeCudaError*) {
  *out = {};
  const char* const names[] = {"Old", "Emulated", "Fine"};
  std::snprintf(out->name, sizeof out->name, "%s", names[device]);
  out->major = device == 0 ? 7 : 9;
  out->minor = device == 0 ? 5 : 0;
  out->multiprocessors = 132;
  out->driver = 13010;
  out->runtime = 12080;
  out->emulated = device == 1;
  out->memory = std::uint64_t{80} << 30;
  out->free = device == 2 ? std::uint64_t{79} << 30 : 0;
  return UNSUPERPOSE_CUDA_OK;
}

}  // namespace

extern "C" const UnsuperposeCuda* unsuperpose_cuda_table() {
  static UnsuperposeCuda table{};
  table.abi_version = UNSUPERPOSE_CUDA_ABI_VERSION + (is("next-version") ? 1 : 0);
  table.struct_size = sizeof table - (is("short-table") ? 8 : 0);
  table.count = count;
  table.describe = describe;
  return &table;
}
