// Writing what lib/ gets: numbers, arrays and objects of them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

#include "../core/sparse_codes.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// Arrays are typed arrays, copied.
Napi::Value to_value(Napi::Env env, const std::vector<float>& values);
Napi::Value to_value(Napi::Env env, const std::vector<double>& values);
Napi::Value to_value(Napi::Env env, const std::vector<std::uint8_t>& values);
Napi::Value to_value(Napi::Env env, const std::vector<std::uint32_t>& values);
Napi::Value to_value(Napi::Env env, const std::vector<std::string>& values);
/// { indptr, indices, values }
Napi::Value to_value(Napi::Env env, const SparseCodes& codes);
Napi::Value to_value(Napi::Env env, const std::string& value);
inline Napi::Value to_value(Napi::Env, const Napi::Value& value) { return value; }
/// A boolean or a number; counts stay below 2⁵³.
template <class T>
  requires(std::is_arithmetic_v<T>)
Napi::Value to_value(Napi::Env env, T value) {
  if constexpr (std::is_same_v<T, bool>)
    return Napi::Boolean::New(env, value);
  else
    return Napi::Number::New(env, static_cast<double>(value));
}

/// One property of an object; refers to its value.
class Field {
 public:
  template <class T>
  Field(const char* name, const T& value)
      : name_(name),
        value_(&value),
        write_([](Napi::Env env, const void* from) { return to_value(env, *static_cast<const T*>(from)); }) {}
  void set_on(Napi::Object object) const { object.Set(name_, write_(object.Env(), value_)); }

 private:
  const char* name_;
  const void* value_;
  Napi::Value (*write_)(Napi::Env, const void*);
};

/// An object of these properties.
Napi::Object object(Napi::Env env, std::initializer_list<Field> fields);

}  // namespace unsuperpose::node
