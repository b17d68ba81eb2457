#include "answers.hpp"

#include <cstring>

#include "environment.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

namespace {

template <class T>
Napi::Value copied(Napi::Env env, Environment::Array type, const std::vector<T>& values) {
  const Napi::TypedArray array = Environment::of(env).make_array(type, values.size());
  void* data = nullptr;
  std::size_t length = 0;
  napi_get_typedarray_info(env, array, nullptr, &length, &data, nullptr, nullptr);
  if (length != values.size()) refuse(Code::native, "a result array has the wrong length");
  if (length > 0) std::memcpy(data, values.data(), length * sizeof(T));
  return array;
}

}  // namespace

Napi::Value to_value(Napi::Env env, const std::vector<float>& values) {
  return copied(env, Environment::Array::float32, values);
}
Napi::Value to_value(Napi::Env env, const std::vector<double>& values) {
  return copied(env, Environment::Array::float64, values);
}
Napi::Value to_value(Napi::Env env, const std::vector<std::uint8_t>& values) {
  return copied(env, Environment::Array::uint8, values);
}
Napi::Value to_value(Napi::Env env, const std::vector<std::uint32_t>& values) {
  return copied(env, Environment::Array::uint32, values);
}
Napi::Value to_value(Napi::Env env, const std::vector<std::string>& values) {
  const Napi::Array array = Napi::Array::New(env, values.size());
  for (std::uint32_t i = 0; i < values.size(); ++i) array.Set(i, to_value(env, values[i]));
  return array;
}
Napi::Value to_value(Napi::Env env, const SparseCodes& codes) {
  return object(env, {{"indptr", codes.indptr}, {"indices", codes.indices}, {"values", codes.values}});
}
Napi::Value to_value(Napi::Env env, const std::string& value) { return Napi::String::New(env, value); }

Napi::Object object(Napi::Env env, std::initializer_list<Field> fields) {
  Napi::Object result = Napi::Object::New(env);
  for (const Field& field : fields) field.set_on(result);
  return result;
}

}  // namespace unsuperpose::node
