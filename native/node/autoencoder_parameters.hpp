// Parameters of autoencoders and checkpoints of learners, as JavaScript has them.
#pragma once
#include "../learning/autoencoder.hpp"
#include "../learning/checkpoint.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// { activation, norm, subtractBias, features, inputs, outputs, k, encoder, … }: all arrays are there, those that an activation has no
/// use for are empty.
Napi::Object parameters_object(Napi::Env env, const AutoencoderParameters& parameters);
/// The same back; sizes and values are Autoencoder::make()'s to check.
AutoencoderParameters parameters_of(const Napi::Object& from);

/// { name: Float32Array | Float64Array | Uint32Array | BigUint64Array }
Napi::Value checkpoint_object(Napi::Env env, const Checkpoint& checkpoint);
/// ERR_DTYPE for arrays of another type.
Checkpoint checkpoint_of(const Napi::Value& value);

}  // namespace unsuperpose::node
