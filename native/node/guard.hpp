// How errors leave native code: every exported function runs inside guarded<>, which turns whatever is thrown into a
// JavaScript Error with a `code`. lib/runtime.ts makes it an UnsuperposeError.
#pragma once
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

template <Function function>
Napi::Value guarded(const Napi::CallbackInfo& call) {
  try {
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

template <Function function>
void add(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New(exports.Env(), guarded<function>, name));
}

}  // namespace unsuperpose::node
