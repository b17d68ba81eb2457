// Native objects that JavaScript holds: plain objects, tagged with their type and wrapped around a C++ object. A foreign
// object handed in where one is expected is refused by its missing tag.
#pragma once
#include <cstdint>
#include <memory>
#include <utility>

#include "../learning/autoencoder.hpp"
#include "../learning/lista.hpp"
#include "../scoring/dictionary.hpp"
#include "guard.hpp"

namespace unsuperpose {
class SyntheticModel;
}

namespace unsuperpose::node {

class Learner;
class Trainer;
class ListaTrainer;
class Path;
class Scores;
class SharedPairs;

/// How the objects of a native type are told from others, and how they are refused.
struct HandleType {
  napi_type_tag tag;  // random: no other type has it, in any module
  const char* foreign;
  const char* disposed;
};

/// Every native type that JavaScript may hold. Each has bytes(), the memory it holds by now, which any thread may ask for.
template <class T>
inline constexpr HandleType kHandleType{};
template <>
inline constexpr HandleType kHandleType<const Dictionary>{{0x6f1d2b0c5a934e71, 0x9be3470dd8c2f615},
                                                          "dictionary must be a Dictionary",
                                                          "the dictionary was disposed"};
template <>
inline constexpr HandleType kHandleType<Learner>{
    {0x2ac7e08b41f65d39, 0x8d5f1e63b907a2c4}, "learner must be a learner", "the learner was disposed"};
template <>
inline constexpr HandleType kHandleType<Trainer>{
    {0xfb0e907ae1732308, 0x0a110855e844458a}, "trainer must be a trainer", "the trainer was disposed"};
template <>
inline constexpr HandleType kHandleType<ListaTrainer>{
    {0x3be9d1f04a76c852, 0xd06f8a217be4935c}, "trainer must be a trainer", "the trainer was disposed"};
template <>
inline constexpr HandleType kHandleType<const Autoencoder>{{0x4ded8c87ce12cc81, 0x493dfc0b4527de04},
                                                           "autoencoder must be a SparseAutoencoder",
                                                           "the autoencoder was disposed"};
template <>
inline constexpr HandleType kHandleType<const Lista>{
    {0x5718d95793c0eaf4, 0xcb7a4c2fa8f4f02f}, "lista must be a Lista", "the network was disposed"};
template <>
inline constexpr HandleType kHandleType<Path>{
    {0x71c04f6de2b8935a, 0xa90c3e57d16f2b48}, "path must be a path", "the path was disposed"};
template <>
inline constexpr HandleType kHandleType<Scores>{
    {0x5be18c07f3a24d96, 0xc2670b9d4e81f35a}, "scores must be scores", "the scores were disposed"};
template <>
inline constexpr HandleType kHandleType<SharedPairs>{{0x2d80a61be59f4c37, 0x8f15c3e90a7264bd},
                                                     "pairs must be virtual weights",
                                                     "the virtual weights were disposed"};
template <>
inline constexpr HandleType kHandleType<SyntheticModel>{{0x94a3e7120dcb586f, 0xb7185d2e6fa0c943},
                                                        "model must be a synthetic model",
                                                        "the synthetic features were disposed"};

/// What such an object wraps. JavaScript's garbage collector owns this; the native object itself is shared with the calls
/// that use it, and freed by whichever lets go last. Used on its environment's thread only.
template <class T>
class Handle {
 public:
  static Napi::Object wrap(Napi::Env env, std::shared_ptr<T> native) {
    Napi::Object object = Napi::Object::New(env);
    auto handle = std::make_unique<Handle>(env, std::move(native));
    const auto finalize = [](napi_env, void* data, void*) {
      const std::unique_ptr<Handle> self(static_cast<Handle*>(data));
      self->dispose();
    };
    if (napi_type_tag_object(env, object, &kHandleType<T>.tag) != napi_ok ||
        napi_wrap(env, object, handle.get(), finalize, nullptr, nullptr) != napi_ok)
      refuse(Code::native, "could not make a handle");
    handle.release()->held_->count_again();
    return object;
  }

  /// ERR_DTYPE for a foreign object.
  static Handle& unwrap(const Napi::Value& value) {
    bool matches = false;
    void* data = nullptr;
    if (!value.IsObject() ||
        napi_check_object_type_tag(value.Env(), value, &kHandleType<T>.tag, &matches) != napi_ok ||
        !matches || napi_unwrap(value.Env(), value, &data) != napi_ok)
      refuse(Code::dtype, kHandleType<T>.foreign);
    return *static_cast<Handle*>(data);
  }

  /// To be used by the export that runs: what the handle holds is counted again after it and its job. ERR_DISPOSED after dispose().
  const std::shared_ptr<T>& get() const {
    if (!held_->native) refuse(Code::disposed, kHandleType<T>.disposed);
    CallMemory::now().used.push_back(held_);
    return held_->native;
  }

  void dispose() {
    held_->native.reset();
    held_->reported.set(0);
  }

  Handle(Napi::Env env, std::shared_ptr<T> native)
      : held_(std::make_shared<Held>(ReportedBytes(env), std::move(native))) {}

 private:
  struct Held final : Counted {
    ReportedBytes reported;
    std::shared_ptr<T> native;  // empty once disposed

    Held(ReportedBytes reported_, std::shared_ptr<T> native_)
        : reported(std::move(reported_)), native(std::move(native_)) {}
    void count_again() override {
      if (native) reported.set(native->bytes());
    }
  };
  std::shared_ptr<Held> held_;
};

/// What the handle `value` holds. ERR_DTYPE for a foreign object, ERR_DISPOSED after dispose().
template <class T>
std::shared_ptr<T> held(const Napi::Value& value) {
  return Handle<T>::unwrap(value).get();
}

/// The dictionary that a handle holds.
inline std::shared_ptr<const Dictionary> held_dictionary(const Napi::Value& value) {
  return held<const Dictionary>(value);
}

/// (handle): lets go of what it holds; calls that run keep their part. May be called again.
template <class T>
Napi::Value dispose(const Napi::CallbackInfo& call) {
  Handle<T>::unwrap(call[0]).dispose();
  return call.Env().Undefined();
}

}  // namespace unsuperpose::node
