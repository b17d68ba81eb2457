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

}  // namespace unsuperpose::node
