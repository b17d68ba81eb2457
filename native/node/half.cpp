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

/// Lengths are as the arrays have them now: a number, the place of the first finite value that became ±Infinity, or −1.
template <class T>
double narrowed(std::span<T> values, bool bfloat, std::span<std::uint16_t> out) {
  if (out.size() != values.size()) refuse(Code::shape, "out must be as long as values");
  const std::size_t first = half::narrow(values.data(), values.size(), bfloat, out.data());
  return first == values.size() ? -1 : static_cast<double>(first);
}

/// (values: Float32Array | Float64Array, dtype: 'float16' | 'bfloat16', out: Uint16Array as long)
Napi::Value narrow(const Napi::CallbackInfo& call) {
  const std::string dtype = call[1].ToString();
  if (dtype != "float16" && dtype != "bfloat16") refuse(Code::dtype, "dtype must be float16 or bfloat16");
  const std::span<std::uint16_t> out = shorts(call[2], "out");
  const bool bfloat = dtype == "bfloat16";
  return Napi::Number::New(call.Env(), is_float64_array(call[0])
                                           ? narrowed(doubles(call[0], "values"), bfloat, out)
                                           : narrowed(floats(call[0], "values"), bfloat, out));
}

}  // namespace

void add_half(Napi::Object exports) {
  add<widen, 3>(exports, "widen");
  add<narrow, 3>(exports, "narrow");
}

}  // namespace unsuperpose::node
