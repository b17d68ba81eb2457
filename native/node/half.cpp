#include "../core/half.hpp"

#include <string>

#include "arguments.hpp"
#include "exports.hpp"

namespace unsuperpose::node {
namespace {

/// (bits: Uint16Array, dtype: 'float16' | 'bfloat16', out: Float32Array as long)
Napi::Value widen(const Napi::CallbackInfo& call) {
  const std::span<std::uint16_t> bits = shorts(call[0], "data");
  const std::string dtype = call[1].ToString();
  if (dtype != "float16" && dtype != "bfloat16") refuse(Code::dtype, "dtype must be float16 or bfloat16");
  const std::span<float> out = floats(call[2], "out");
  if (out.size() != bits.size()) refuse(Code::shape, "out must be as long as data");
  half::widen(bits.data(), bits.size(), dtype == "bfloat16", out.data());
  return call.Env().Undefined();
}

}  // namespace

void add_half(Napi::Object exports) { add<widen, 3>(exports, "widen"); }

}  // namespace unsuperpose::node
