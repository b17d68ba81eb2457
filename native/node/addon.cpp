// The module: what the interface NativeBinding in lib/ declares, and nothing else.
#include "../kernels/isa.hpp"
#include "../kernels/product/precision.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "guard.hpp"

namespace unsuperpose::node {
namespace {

/// () → { isa, isaError, supportedIsas, precisions, capabilities }
Napi::Value info(const Napi::CallbackInfo& call) {
  using product::Precision;
  std::vector<std::string> isas, precisions;
  for (const Isa isa : supported_isas()) isas.emplace_back(isa_name(isa));
  for (const Precision precision : product::kEveryPrecision)
    if (precision == Precision::float32 || product::rounded_kernels(precision, 1))
      precisions.emplace_back(product::precision_name(precision));
  return object(call.Env(), {
                                {"isa", isa_name(active_isa())},
                                {"isaError", isa_error()},
                                {"supportedIsas", isas},
                                {"precisions", precisions},
                                {"capabilities", capabilities()},
                            });
}

/// (job)
Napi::Value cancel(const Napi::CallbackInfo& call) {
  Environment::of(call.Env()).cancel(static_cast<std::uint32_t>(count(call[0], "job")));
  return call.Env().Undefined();
}

}  // namespace
}  // namespace unsuperpose::node

static Napi::Object start_addon(Napi::Env env, Napi::Object exports) {
  using namespace unsuperpose::node;
  Environment::attach(env);
  add<info, 0>(exports, "info");
  add<cancel, 1>(exports, "cancel");
  add_dictionary(exports);
  add_preparation(exports);
  add_unfold(exports);
  add_path(exports);
  add_certify(exports);
  add_learn(exports);
  add_train(exports);
  add_lista_train(exports);
  add_autoencoder(exports);
  add_lista(exports);
  add_pairs(exports);
  add_geometry(exports);
  add_evaluation(exports);
  add_recoverability(exports);
  add_claims(exports);
  add_cuda(exports);
  add_half(exports);
  add_ops(exports);
  add_rows(exports);
  add_toy(exports);
  add_synthetic(exports);
  add_tray(exports);
  return exports;
}

NODE_API_MODULE(unsuperpose, start_addon)
