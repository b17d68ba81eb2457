// What small answers pass on. A typed array made through Node-API costs about a microsecond, and ten of them more than a small problem takes to
// solve. The tray is memory that both sides see: native code lays the arrays of an answer on it, one after the other, and
// lib/native/tray.ts copies them off, in the same order, into arrays that JavaScript makes: some 50 ns each up to 64 bytes.
//
// It holds one answer, that of the synchronous call that has just returned: lib/ takes it off before anything else runs.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "napi.hpp"

namespace unsuperpose::node {

class Tray {
 public:
  /// One array; refers to it.
  struct Array {
    const void* data;
    std::size_t count, size;  // entries, and the bytes of one
    template <class T>
    Array(const std::vector<T>& values) : data(values.data()), count(values.size()), size(sizeof(T)) {}
    /// one number
    Array(const double& value) : data(&value), count(1), size(sizeof(double)) {}
  };

  explicit Tray(Napi::Env env);

  /// Whether they fit: then they are on it.
  bool lay(std::initializer_list<Array> arrays);

  /// { float32, float64, uint8, uint32 }: all of it, as each.
  Napi::Value views(Napi::Env env) const;

 private:
  Napi::ObjectReference buffer_;
  unsigned char* memory_;  // of buffer_, which nobody but lib/native/tray.ts sees: nothing detaches it
};

}  // namespace unsuperpose::node
