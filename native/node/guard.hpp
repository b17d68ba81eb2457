// How errors leave native code: every exported function runs inside guarded<>, which turns whatever is thrown into a
// JavaScript Error with a `code`. lib/ makes it an UnsuperposeError.
#pragma once
#include <cstddef>
#include <new>
#include <string>
#include <utility>

#include "../core/status.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// Thrown inside native/node/ only.
struct Refusal {
  Code code;
  std::string message;
};

[[noreturn]] inline void refuse(Code code, std::string message) { throw Refusal{code, std::move(message)}; }

inline void require(const Status& status) {
  if (!status.ok()) refuse(status.code, status.message);
}

inline constexpr const char* kOutOfMemory = "not enough memory for this call";

inline Napi::Error make_error(Napi::Env env, Code code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code_name(code)));
  return error;
}

using Function = Napi::Value (*)(const Napi::CallbackInfo&);

/// `call.Data()` is the name of the export.
template <Function function, std::size_t parameters>
Napi::Value guarded(const Napi::CallbackInfo& call) {
  try {
    if (call.Length() != parameters)
      refuse(Code::native, std::string(static_cast<const char*>(call.Data())) + " takes " +
                               std::to_string(parameters) + " arguments, got " +
                               std::to_string(call.Length()));
    return function(call);
  } catch (const Napi::Error&) {
    throw;  // node-addon-api makes it a JavaScript exception
  } catch (const Refusal& refusal) {
    throw make_error(call.Env(), refusal.code, refusal.message);
  } catch (const std::bad_alloc&) {
    throw make_error(call.Env(), Code::too_large, kOutOfMemory);
  } catch (...) {
    throw make_error(call.Env(), Code::native, "an unexpected native failure");
  }
}

/// Exports `function` with its number of parameters, which is its `length` and what every call must give: lib/ declares as many,
/// and test/api/binding.test.ts compares the two.
template <Function function, std::size_t parameters>
void add(Napi::Object exports, const char* name) {
  const Napi::Env env = exports.Env();
  Napi::Function made =
      Napi::Function::New(env, guarded<function, parameters>, name, const_cast<char*>(name));
  made.DefineProperty(Napi::PropertyDescriptor::Value(
      "length", Napi::Number::New(env, static_cast<double>(parameters)), napi_configurable));
  exports.Set(name, made);
}

}  // namespace unsuperpose::node
