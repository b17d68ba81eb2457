// The CUDA module as Node.js loads it: its exports hold one external, `table`. Loading it touches no GPU.
#include <node_api.h>

#include "abi.h"

extern "C" const UnsuperposeCuda* unsuperpose_cuda_table();

NAPI_MODULE_INIT() {
  static constexpr napi_type_tag kTag{UNSUPERPOSE_CUDA_TAG_LOWER, UNSUPERPOSE_CUDA_TAG_UPPER};
  // Node-API's externals are not const; nobody writes to the table.
  void* table = const_cast<UnsuperposeCuda*>(unsuperpose_cuda_table());
  napi_value external = nullptr;
  if (napi_create_external(env, table, nullptr, nullptr, &external) != napi_ok ||
      napi_type_tag_object(env, external, &kTag) != napi_ok ||
      napi_set_named_property(env, exports, "table", external) != napi_ok) {
    napi_throw_error(env, "ERR_NATIVE", "the CUDA module could not hand over its table");
    return nullptr;
  }
  return exports;
}
