// Parameters of unrolled networks, as JavaScript has them.
#pragma once
#include <string>

#include "../learning/lista.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// { weights, nonnegative, layers, features, dims, scale, adaptive, dictionary, forward, … }: all arrays are there, those that the weights have
/// no use for are empty.
Napi::Object parameters_object(Napi::Env env, const ListaParameters& parameters);
/// The same back; sizes and values are Lista::make()'s to check.
ListaParameters lista_parameters_of(const Napi::Object& from);
/// 'pair', 'layers', …; ERR_OPTION for another name.
ListaWeights lista_weights_of(const Napi::Value& name);

}  // namespace unsuperpose::node
