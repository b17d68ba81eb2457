#include "autoencoder_parameters.hpp"

#include <cstring>
#include <string>
#include <utility>
#include <variant>

#include "answers.hpp"
#include "arguments.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

namespace {

constexpr const char* kActivations[] = {"relu", "topk", "jumprelu", "gated"};
constexpr const char* kNorms[] = {"none", "constant", "layer"};

template <class Enum, std::size_t kCount>
Enum named(const Napi::Value& value, const char* const (&names)[kCount], const char* what) {
  const std::string name = value.ToString();
  for (std::size_t i = 0; i < kCount; ++i)
    if (name == names[i]) return static_cast<Enum>(i);
  refuse(Code::option, std::string(what) + " " + name + " does not exist");
}

/// 64-bit counts have no array of their own among to_value(): BigUint64Array needs a buffer.
Napi::Value longs(Napi::Env env, const std::vector<std::uint64_t>& values) {
  auto array = Napi::BigUint64Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(std::uint64_t));
  return array;
}

template <class T>
std::vector<T> copied(const Napi::TypedArray& array) {
  const auto typed = array.As<Napi::TypedArrayOf<T>>();
  return {typed.Data(), typed.Data() + typed.ElementLength()};
}

}  // namespace

Napi::Object parameters_object(Napi::Env env, const AutoencoderParameters& p) {
  return object(env, {{"activation", std::string(kActivations[static_cast<std::size_t>(p.activation)])},
                      {"norm", std::string(kNorms[static_cast<std::size_t>(p.norm)])},
                      {"subtractBias", p.subtract_bias},
                      {"features", p.features},
                      {"inputs", p.inputs},
                      {"outputs", p.outputs},
                      {"k", p.k},
                      {"encoder", p.encoder},
                      {"encoderBias", p.encoder_bias},
                      {"decoder", p.decoder},
                      {"decoderBias", p.decoder_bias},
                      {"skip", p.skip},
                      {"threshold", p.threshold},
                      {"logScale", p.log_scale},
                      {"magnitudeBias", p.magnitude_bias}});
}

AutoencoderParameters parameters_of(const Napi::Object& from) {
  AutoencoderParameters p;
  p.activation = named<Activation>(from.Get("activation"), kActivations, "activation");
  p.norm = named<InputNorm>(from.Get("norm"), kNorms, "norm");
  p.subtract_bias = from.Get("subtractBias").ToBoolean();
  p.features = count(from.Get("features"), "features");
  p.inputs = count(from.Get("inputs"), "inputs");
  p.outputs = count(from.Get("outputs"), "outputs");
  p.k = count(from.Get("k"), "k");
  const auto read = [&](const char* name, std::vector<float>& to) {
    const auto values = floats(from.Get(name), name);
    to.assign(values.begin(), values.end());
  };
  read("encoder", p.encoder);
  read("encoderBias", p.encoder_bias);
  read("decoder", p.decoder);
  read("decoderBias", p.decoder_bias);
  read("skip", p.skip);
  read("threshold", p.threshold);
  read("logScale", p.log_scale);
  read("magnitudeBias", p.magnitude_bias);
  return p;
}

Napi::Value checkpoint_object(Napi::Env env, const Checkpoint& checkpoint) {
  auto result = Napi::Object::New(env);
  for (const auto& [name, array] : checkpoint.arrays())
    result.Set(name,
               std::visit(
                   [&](const auto& values) -> Napi::Value {
                     if constexpr (std::is_same_v<std::decay_t<decltype(values)>, std::vector<std::uint64_t>>)
                       return longs(env, values);
                     else
                       return to_value(env, values);
                   },
                   array));
  return result;
}

Checkpoint checkpoint_of(const Napi::Value& value) {
  if (!value.IsObject()) refuse(Code::dtype, "a checkpoint must be an object of arrays");
  const auto object = value.As<Napi::Object>();
  const Napi::Array names = object.GetPropertyNames();
  Checkpoint result;
  for (std::uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString();
    const Napi::Value one = object.Get(name);
    if (!one.IsTypedArray()) refuse(Code::dtype, "the checkpoint's " + name + " must be a typed array");
    const auto array = one.As<Napi::TypedArray>();
    switch (array.TypedArrayType()) {
      case napi_float32_array: result.put(name, copied<float>(array)); break;
      case napi_float64_array: result.put(name, copied<double>(array)); break;
      case napi_uint32_array: result.put(name, copied<std::uint32_t>(array)); break;
      case napi_biguint64_array: result.put(name, copied<std::uint64_t>(array)); break;
      default: refuse(Code::dtype, "the checkpoint's " + name + " has a type that no learner writes");
    }
  }
  return result;
}

}  // namespace unsuperpose::node
