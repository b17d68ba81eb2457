#include "handles.hpp"

#include <utility>

namespace unsuperpose::node {

namespace {
constexpr napi_type_tag kDictionaryTag = {0x6f1d2b0c5a934e71, 0x9be3470dd8c2f615};
}

Napi::Object DictionaryHandle::wrap(Napi::Env env, std::shared_ptr<const Dictionary> dictionary) {
  Napi::Object object = Napi::Object::New(env);
  auto handle = std::make_unique<DictionaryHandle>();
  handle->dictionary_ = std::move(dictionary);
  DictionaryHandle* held = handle.get();
  wrap_tagged(env, object, kDictionaryTag, std::move(handle), [](napi_env finalizing, void* data, void*) {
    auto* self = static_cast<DictionaryHandle*>(data);
    self->dispose(finalizing);
    delete self;
  });
  held->account(env);
  return object;
}

DictionaryHandle& DictionaryHandle::unwrap(const Napi::Value& value) {
  auto* handle = unwrap_tagged<DictionaryHandle>(value, kDictionaryTag);
  if (!handle) refuse(Code::dtype, "dictionary must be a Dictionary");
  return *handle;
}

std::shared_ptr<const Dictionary> DictionaryHandle::get() const {
  if (!dictionary_) refuse(Code::disposed, "the dictionary was disposed");
  return dictionary_;
}

std::size_t DictionaryHandle::account(Napi::Env env) {
  const std::size_t bytes = dictionary_ ? dictionary_->bytes() : 0;
  std::int64_t adjusted = 0;
  napi_adjust_external_memory(env, static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(accounted_),
                              &adjusted);
  accounted_ = bytes;
  return bytes;
}

void DictionaryHandle::dispose(Napi::Env env) {
  dictionary_.reset();
  account(env);
}

}  // namespace unsuperpose::node
