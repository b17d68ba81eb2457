// Options and answers of unfolding, between JavaScript and the solvers.
#pragma once
#include <memory>
#include <vector>

#include "../solvers/unfolding.hpp"
#include "napi.hpp"

namespace unsuperpose::node {

/// A method with its options, by its name (methods.cpp). Its warm start is copied, not yet checked.
std::shared_ptr<Method> read_method(const Napi::Object& from);
/// Weights of our own; none for undefined.
std::vector<float> weights_of(const Napi::Value& value);
Napi::Object unfolding_object(Napi::Env env, const Unfolding& unfolding);

}  // namespace unsuperpose::node
