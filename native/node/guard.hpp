// How errors leave native code: every exported function runs inside guarded<>, which turns whatever is thrown into a
// JavaScript Error with a `code`. lib/ makes it an UnsuperposeError.
#pragma once
#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../core/status.hpp"
#include "../scoring/device.hpp"
#include "memory.hpp"
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

/// Says what was wanted, where that is known; of an answer that this is the status of, JavaScript is told no more.
inline Status out_of_memory(std::size_t bytes = 0) {
  try {
    return Status::fail(Code::too_large, bytes == 0 ? ""
                                                    : "not enough memory for this call: " +
                                                          std::to_string(bytes) + " bytes more are wanted");
  } catch (const std::bad_alloc&) {
    return {Code::too_large, {}};
  }
}

/// What `call` answers, and what it throws as a status; JavaScript's own errors pass.
template <class Call>
Status status_of(const Call& call) {
  try {
    return call();
  } catch (const Napi::Error&) {
    throw;  // node-addon-api makes it a JavaScript exception
  } catch (const Refusal& refusal) {
    return Status::fail(refusal.code, refusal.message);
  } catch (const device::Failed& failure) {
    return failure.status;
  } catch (const Cancelled&) {
    return Status::cancelled();
  } catch (const OutOfMemory& failure) {
    return out_of_memory(failure.bytes());
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::length_error&) {
    return out_of_memory();
  } catch (...) {
    return Status::fail(Code::native, "an unexpected native failure");
  }
}

inline Napi::Error make_error(Napi::Env env, Code code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message.empty() ? "not enough memory for this call" : message);
  error.Set("code", Napi::String::New(env, code_name(code)));
  return error;
}

using Function = Napi::Value (*)(const Napi::CallbackInfo&);

/// `call.Data()` is the name of the export.
template <Function function, std::size_t parameters>
Napi::Value guarded(const Napi::CallbackInfo& call) {
  const CallMemory::Scope memory;
  Napi::Value result;
  const Status status = status_of([&] {
    if (call.Length() != parameters)
      refuse(Code::native, std::string(static_cast<const char*>(call.Data())) + " takes " +
                               std::to_string(parameters) + " arguments, got " +
                               std::to_string(call.Length()));
    result = function(call);
    return Status{};
  });
  if (!status.ok()) throw make_error(call.Env(), status.code, status.message);
  return result;
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
