// Unrolled networks in use: codes in a fixed number of layers.
#include "../learning/lista.hpp"

#include <memory>
#include <string>
#include <utility>

#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "lista_parameters.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {
namespace {

void require_dims(ConstMatrix32 samples, const Lista& lista) {
  const std::size_t dims = lista.parameters().dims;
  if (samples.cols != dims)
    refuse(Code::shape, "activations have " + std::to_string(samples.cols) + " dims, the network has " +
                            std::to_string(dims));
}

ListaUnfoldOptions options_of(const Napi::Object& from) {
  ListaUnfoldOptions options;
  options.layers = count(from.Get("layers"), "layers");
  options.tolerance = number(from.Get("tolerance"), "tolerance");
  options.refuse_overflow = from.Get("refuseOverflow").ToBoolean();
  options.lambda = one_or_each(from.Get("lambda"), "lambda");
  return options;
}

/// (parameters) → handle
Napi::Value create_lista(const Napi::CallbackInfo& call) {
  std::shared_ptr<const Lista> made;
  require(Lista::make(lista_parameters_of(call[0].As<Napi::Object>()), made));
  return Handle<const Lista>::wrap(call.Env(), std::move(made));
}

/// (handle) → parameters
Napi::Value lista_parameters(const Napi::CallbackInfo& call) {
  return parameters_object(call.Env(), held<const Lista>(call[0])->parameters());
}

/// (handle, matrix, options, threads) → unfolding
Napi::Value lista_unfold_sync(const Napi::CallbackInfo& call) {
  const auto lista = held<const Lista>(call[0]);
  const ListaUnfoldOptions options = options_of(call[2].As<Napi::Object>());
  const Execution execution = execution_of(call[3]);
  const Matrix32 samples = matrix(call[1], "activations");
  require_dims(samples, *lista);
  require_finite(samples, "activations", execution);
  Unfolding unfolding;
  require(lista->unfold(samples, options, execution, unfolding));
  return unfolding_object(call.Env(), unfolding);
}

/// (handle, matrix, options, threads, onProgress, onSettled) → job
Napi::Value lista_unfold_async(const Napi::CallbackInfo& call) {
  const auto lista = held<const Lista>(call[0]);
  const ListaUnfoldOptions options = options_of(call[2].As<Napi::Object>());
  const Matrix32 borrowed = matrix(call[1], "activations");
  require_dims(borrowed, *lista);
  const auto samples = std::make_shared<const MatrixCopy>(borrowed);
  return start_job<Unfolding>(
      call, 3,
      [=](const Execution& execution, Unfolding& out) {
        require_finite(samples->view(), "activations", execution);
        return lista->unfold(samples->view(), options, execution, out);
      },
      unfolding_object);
}

/// (matrix, ridge, threads) → Float32Array, features × dims
Napi::Value analytic_weights(const Napi::CallbackInfo& call) {
  const double ridge = number(call[1], "ridge");
  const Execution execution = execution_of(call[2]);
  const Matrix32 dictionary = matrix(call[0], "dictionary");
  require_finite(dictionary, "dictionary", execution);
  std::vector<float> weights;
  require(unsuperpose::analytic_weights(dictionary, ridge, execution, weights));
  return to_value(call.Env(), weights);
}

}  // namespace

void add_lista(Napi::Object exports) {
  add<create_lista, 1>(exports, "createLista");
  add<lista_parameters, 1>(exports, "listaParameters");
  add<lista_unfold_sync, 4>(exports, "listaUnfoldSync");
  add<lista_unfold_async, 6>(exports, "listaUnfold");
  add<analytic_weights, 3>(exports, "analyticWeights");
  add<dispose<const Lista>, 1>(exports, "disposeLista");
}

}  // namespace unsuperpose::node
