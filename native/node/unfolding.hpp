// Options and answers of unfolding, between JavaScript and the solvers.
#pragma once
#include <vector>

#include "../solvers/unfolding.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// Everything but the warm start.
UnfoldOptions unfold_options(const Napi::Object& from);
/// Weights of our own; none for undefined.
std::vector<float> weights_of(const Napi::Value& value);
Napi::Object unfolding_object(Napi::Env env, const Unfolding& unfolding);
/// ERR_SHAPE, naming both, unless the samples have the dictionary's dims.
void require_dims(ConstMatrix32 samples, const Dictionary& dictionary);

}  // namespace unsuperpose::node
