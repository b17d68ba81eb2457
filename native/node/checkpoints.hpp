// Checkpoints of learners, as JavaScript has them.
#pragma once
#include "../learning/checkpoint.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// { name: Float32Array | Float64Array | Uint32Array | BigUint64Array }
Napi::Value checkpoint_object(Napi::Env env, const Checkpoint& checkpoint);
/// ERR_DTYPE for arrays of another type.
Checkpoint checkpoint_of(const Napi::Value& value);

}  // namespace unsuperpose::node
