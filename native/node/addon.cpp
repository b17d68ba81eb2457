// The module: what lib/binding.ts declares, and nothing else.
#include "../kernels/isa.hpp"
#include "napi.hpp"

namespace unsuperpose::node {
namespace {

Napi::Value info(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  const auto strings = [&](const auto& items, const auto& name) {
    Napi::Array array = Napi::Array::New(env, items.size());
    for (std::uint32_t i = 0; i < items.size(); ++i) array.Set(i, Napi::String::New(env, name(items[i])));
    return array;
  };
  Napi::Object result = Napi::Object::New(env);
  result.Set("isa", isa_name(active_isa()));
  result.Set("isaError", isa_error());
  result.Set("supportedIsas", strings(supported_isas(), [](Isa isa) { return std::string(isa_name(isa)); }));
  result.Set("capabilities", strings(capabilities(), [](const std::string& name) { return name; }));
  return result;
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  exports.Set("info", Napi::Function::New(env, info, "info"));
  return exports;
}

}  // namespace
}  // namespace unsuperpose::node

static Napi::Object start_addon(Napi::Env env, Napi::Object exports) { return unsuperpose::node::start(env, exports); }

NODE_API_MODULE(unsuperpose, start_addon)
