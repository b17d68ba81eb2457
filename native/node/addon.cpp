// The module: what lib/binding.ts declares, and nothing else.
#include "../kernels/isa.hpp"
#include "../kernels/product/precision.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "guard.hpp"

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
  std::vector<product::Precision> precisions;
  for (const product::Precision precision : {product::Precision::float32, product::Precision::bfloat16,
                                             product::Precision::int16, product::Precision::int8})
    if (precision == product::Precision::float32 || product::rounded_kernels(precision, 1))
      precisions.push_back(precision);
  result.Set("precisions", strings(precisions, [](product::Precision p) {
               return std::string(product::precision_name(p));
             }));
  result.Set("capabilities", strings(capabilities(), [](const std::string& name) { return name; }));
  return result;
}

Napi::Value cancel(const Napi::CallbackInfo& call) {
  Environment::of(call.Env()).cancel(static_cast<std::uint32_t>(count(call[0], "job")));
  return call.Env().Undefined();
}

}  // namespace
}  // namespace unsuperpose::node

static Napi::Object start_addon(Napi::Env env, Napi::Object exports) {
  using namespace unsuperpose::node;
  Environment::attach(env);
  add<info>(exports, "info");
  add<cancel>(exports, "cancel");
  add_dictionary(exports);
  add_unfold(exports);
  add_knots(exports);
  add_certify(exports);
  add_learn(exports);
  add_pairs(exports);
  add_geometry(exports);
  add_recoverability(exports);
  add_claims(exports);
  add_ops(exports);
  add_toy(exports);
  return exports;
}

NODE_API_MODULE(unsuperpose, start_addon)
