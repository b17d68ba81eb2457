// Native objects that JavaScript holds: plain objects, tagged with their type and wrapped around a C++ object. A foreign
// object handed in where one is expected is refused by its missing tag.
#pragma once
#include <cstddef>
#include <memory>

#include "../scoring/dictionary.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

/// What a dictionary's handle wraps. The handle owns this; the dictionary itself is shared with the calls that use it, and
/// freed by whichever lets go last. Used on its environment's thread only.
class DictionaryHandle {
 public:
  static Napi::Object wrap(Napi::Env env, std::shared_ptr<const Dictionary> dictionary);
  /// ERR_DTYPE for a foreign object.
  static DictionaryHandle& unwrap(const Napi::Value& value);

  /// ERR_DISPOSED after dispose().
  std::shared_ptr<const Dictionary> get() const;
  /// Tells V8 what the dictionary holds by now: the Gram matrix comes with the first call that needs it.
  std::size_t account(Napi::Env env);
  void dispose(Napi::Env env);

 private:
  std::shared_ptr<const Dictionary> dictionary_;
  std::size_t accounted_ = 0;
};

/// Wraps `object` around `native`, which the handle then owns.
template <class T>
void wrap_tagged(Napi::Env env, Napi::Object object, const napi_type_tag& tag, std::unique_ptr<T> native,
                 napi_finalize finalize) {
  if (napi_type_tag_object(env, object, &tag) != napi_ok ||
      napi_wrap(env, object, native.get(), finalize, nullptr, nullptr) != napi_ok)
    refuse(Code::native, "could not make a handle");
  native.release();
}

/// Null unless `value` is an object that wrap_tagged made with this tag.
template <class T>
T* unwrap_tagged(const Napi::Value& value, const napi_type_tag& tag) {
  bool matches = false;
  void* native = nullptr;
  if (!value.IsObject() || napi_check_object_type_tag(value.Env(), value, &tag, &matches) != napi_ok ||
      !matches || napi_unwrap(value.Env(), value, &native) != napi_ok)
    return nullptr;
  return static_cast<T*>(native);
}

}  // namespace unsuperpose::node
