// An unrolled network's parameters on the border to JavaScript.
#pragma once
#include "../learning/lista.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

ListaWeights lista_weights_of(const Napi::Value& name);
Napi::Object lista_object(Napi::Env env, const ListaParameters& parameters);
/// Copied; sizes are not checked.
ListaParameters lista_of(const Napi::Object& from);

}  // namespace unsuperpose::node
