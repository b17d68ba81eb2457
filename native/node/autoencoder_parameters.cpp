#include "autoencoder_parameters.hpp"

#include <string>

#include "answers.hpp"
#include "arguments.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

namespace {

constexpr const char* kActivations[] = {"relu", "topk", "jumprelu", "gated", "matching-pursuit"};
constexpr const char* kNorms[] = {"none", "constant", "layer"};

template <class Enum, std::size_t kCount>
Enum named(const Napi::Value& value, const char* const (&names)[kCount], const char* what) {
  const std::string name = value.ToString();
  for (std::size_t i = 0; i < kCount; ++i)
    if (name == names[i]) return static_cast<Enum>(i);
  refuse(Code::option, std::string(what) + " " + name + " does not exist");
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
                      {"residual", p.residual},
                      {"stopOnRepeat", p.stop_on_repeat},
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
  p.residual = number(from.Get("residual"), "residual");
  p.stop_on_repeat = from.Get("stopOnRepeat").ToBoolean();
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

}  // namespace unsuperpose::node
