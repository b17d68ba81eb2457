// Parameters of autoencoders, as JavaScript has them.
#pragma once
#include "../learning/autoencoder.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// { activation, norm, subtractBias, features, inputs, outputs, k, encoder, … }: all arrays are there, those that an activation has no
/// use for are empty.
Napi::Object parameters_object(Napi::Env env, const AutoencoderParameters& parameters);
/// The same back; sizes and values are Autoencoder::make()'s to check.
AutoencoderParameters parameters_of(const Napi::Object& from);

}  // namespace unsuperpose::node
