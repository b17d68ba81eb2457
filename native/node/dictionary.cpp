#include <cstring>

#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"

namespace unsuperpose::node {
namespace {

/// (matrix, normalize) → handle
Napi::Value create_dictionary(const Napi::CallbackInfo& call) {
  const bool normalize = call[1].ToBoolean();
  const Matrix32 atoms = matrix(call[0], "matrix");
  require_finite(atoms, "matrix");
  std::shared_ptr<const Dictionary> dictionary;
  const Napi::Value exact = call[0].As<Napi::Object>().Get("exact");
  if (exact.IsUndefined()) {
    require(Dictionary::make(atoms, normalize, dictionary));
  } else {
    const std::span<double> values = doubles(exact, "matrix");
    if (values.size() != atoms.rows * atoms.cols)
      refuse(Code::shape, "matrix: exact must be as long as data");
    if (atoms.rows == 0 || atoms.cols == 0) require(Dictionary::make(atoms, normalize, dictionary));
    const auto read = [&](std::size_t j, double* to) {
      std::copy_n(values.data() + j * atoms.cols, atoms.cols, to);
    };
    require(Dictionary::make(atoms.rows, atoms.cols, read, normalize, Execution{}, dictionary));
  }
  return Handle<const Dictionary>::wrap(call.Env(), std::move(dictionary));
}

/// (handle) → another of the same dictionary, which disposing of the first does not touch
Napi::Value share_dictionary(const Napi::CallbackInfo& call) {
  return Handle<const Dictionary>::wrap(call.Env(), held_dictionary(call[0]));
}

/// (handle) → { features, dims, bytes, minNorm, maxNorm }; minNorm is that of atoms that are not zero, 0 if all are
Napi::Value dictionary_info(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  return object(call.Env(), {
                                {"features", dictionary->features()},
                                {"dims", dictionary->dims()},
                                {"bytes", dictionary->bytes()},
                                {"minNorm", dictionary->min_norm()},
                                {"maxNorm", dictionary->max_norm()},
                            });
}

/// (handle, out: Float32Array of features × dims)
Napi::Value dictionary_atoms(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const std::span<float> out = floats(call[1], "out");
  const std::size_t dims = dictionary->dims();
  if (out.size() != dictionary->features() * dims)
    refuse(Code::shape, "out must hold features × dims values");
  for (std::size_t j = 0; j < dictionary->features(); ++j)
    std::memcpy(out.data() + j * dims, dictionary->atom(j), dims * sizeof(float));
  return call.Env().Undefined();
}

}  // namespace

void add_dictionary(Napi::Object exports) {
  add<create_dictionary, 2>(exports, "createDictionary");
  add<share_dictionary, 1>(exports, "shareDictionary");
  add<dictionary_info, 1>(exports, "dictionaryInfo");
  add<dictionary_atoms, 2>(exports, "dictionaryAtoms");
  add<dispose<const Dictionary>, 1>(exports, "disposeDictionary");
}

}  // namespace unsuperpose::node
