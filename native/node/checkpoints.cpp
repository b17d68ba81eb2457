#include "checkpoints.hpp"

#include <cstring>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "answers.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

namespace {

/// 64-bit counts have no array of their own among to_value(): BigUint64Array needs a buffer.
Napi::Value longs(Napi::Env env, const std::vector<std::uint64_t>& values) {
  auto array = Napi::BigUint64Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(std::uint64_t));
  return array;
}

template <class T>
std::vector<T> copied(const Napi::TypedArray& array) {
  const auto typed = array.As<Napi::TypedArrayOf<T>>();
  return {typed.Data(), typed.Data() + typed.ElementLength()};
}

}  // namespace

Napi::Value checkpoint_object(Napi::Env env, const Checkpoint& checkpoint) {
  auto result = Napi::Object::New(env);
  for (const auto& [name, array] : checkpoint.arrays())
    result.Set(name,
               std::visit(
                   [&](const auto& values) -> Napi::Value {
                     if constexpr (std::is_same_v<std::decay_t<decltype(values)>, std::vector<std::uint64_t>>)
                       return longs(env, values);
                     else
                       return to_value(env, values);
                   },
                   array));
  return result;
}

Checkpoint checkpoint_of(const Napi::Value& value) {
  if (!value.IsObject()) refuse(Code::dtype, "a checkpoint must be an object of arrays");
  const auto object = value.As<Napi::Object>();
  const Napi::Array names = object.GetPropertyNames();
  Checkpoint result;
  for (std::uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString();
    const Napi::Value one = object.Get(name);
    if (!one.IsTypedArray()) refuse(Code::dtype, "the checkpoint's " + name + " must be a typed array");
    const auto array = one.As<Napi::TypedArray>();
    switch (array.TypedArrayType()) {
      case napi_float32_array: result.put(name, copied<float>(array)); break;
      case napi_float64_array: result.put(name, copied<double>(array)); break;
      case napi_uint32_array: result.put(name, copied<std::uint32_t>(array)); break;
      case napi_biguint64_array: result.put(name, copied<std::uint64_t>(array)); break;
      default: refuse(Code::dtype, "the checkpoint's " + name + " has a type that no learner writes");
    }
  }
  return result;
}

}  // namespace unsuperpose::node
