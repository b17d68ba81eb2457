#include "lista_parameters.hpp"

#include <vector>

#include "answers.hpp"
#include "arguments.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

namespace {

constexpr const char* kWeights[] = {"pair", "layers", "shared", "fixed", "hyper"};  // as ListaWeights

}  // namespace

Napi::Object parameters_object(Napi::Env env, const ListaParameters& p) {
  return object(env, {{"weights", std::string(kWeights[static_cast<std::size_t>(p.weights)])},
                      {"nonnegative", p.nonnegative},
                      {"layers", p.layers},
                      {"features", p.features},
                      {"dims", p.dims},
                      {"scale", p.scale},
                      {"adaptive", p.adaptive},
                      {"dictionary", p.dictionary},
                      {"forward", p.forward},
                      {"recurrent", p.recurrent},
                      {"step", p.step},
                      {"threshold", p.threshold},
                      {"selection", p.selection},
                      {"hyper", p.hyper},
                      {"ridge", p.ridge}});
}

ListaWeights lista_weights_of(const Napi::Value& value) {
  const std::string name = value.ToString();
  for (std::size_t i = 0; i < std::size(kWeights); ++i)
    if (name == kWeights[i]) return static_cast<ListaWeights>(i);
  refuse(Code::option, "weights " + name + " do not exist");
}

ListaParameters lista_parameters_of(const Napi::Object& from) {
  ListaParameters p;
  p.weights = lista_weights_of(from.Get("weights"));
  p.nonnegative = from.Get("nonnegative").ToBoolean();
  p.layers = count(from.Get("layers"), "layers");
  p.features = count(from.Get("features"), "features");
  p.dims = count(from.Get("dims"), "dims");
  p.scale = number(from.Get("scale"), "scale");
  p.adaptive = number(from.Get("adaptive"), "adaptive");
  p.ridge = number(from.Get("ridge"), "ridge");
  const auto read = [&](const char* name, std::vector<float>& to) {
    const auto values = floats(from.Get(name), name);
    to.assign(values.begin(), values.end());
  };
  read("dictionary", p.dictionary);
  read("forward", p.forward);
  read("recurrent", p.recurrent);
  read("step", p.step);
  read("threshold", p.threshold);
  read("selection", p.selection);
  const auto hyper = doubles(from.Get("hyper"), "hyper");
  p.hyper.assign(hyper.begin(), hyper.end());
  return p;
}

}  // namespace unsuperpose::node
