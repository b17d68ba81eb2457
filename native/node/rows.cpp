#include "../core/rows.hpp"

#include <string>

#include "arguments.hpp"
#include "exports.hpp"

namespace unsuperpose::node {
namespace {

/// Calls `work` with both arrays, of the one type that they have.
template <class Work>
void with_floats(const Napi::Value& from, const Napi::Value& to, const Work& work) {
  if (is_float64_array(from))
    work(doubles(from, "from"), doubles(to, "out"));
  else
    work(floats(from, "from"), floats(to, "out"));
}

void require_below(std::span<const std::uint32_t> places, std::size_t bound, const char* name) {
  for (const std::uint32_t place : places)
    if (place >= bound) refuse(Code::shape, std::string(name) + " must be below " + std::to_string(bound));
}

/// (values: Float32Array | Float64Array) → the place of the first that is not finite, or −1
Napi::Value first_not_finite(const Napi::CallbackInfo& call) {
  const auto find = [](auto values) {
    const std::size_t at =
        rows::first_not_finite(std::span<const typename decltype(values)::element_type>(values));
    return at == values.size() ? -1 : static_cast<double>(at);
  };
  return Napi::Number::New(call.Env(), is_float64_array(call[0]) ? find(doubles(call[0], "values"))
                                                                 : find(floats(call[0], "values")));
}

/// (from: floats, cols, order: Uint32Array, out: floats, order.length × cols)
Napi::Value take_rows(const Napi::CallbackInfo& call) {
  const std::size_t cols = count(call[1], "cols");
  with_floats(call[0], call[3], [&](auto from, auto out) {
    const std::span<const std::uint32_t> order = integers(call[2], "order");
    if (out.size() != order.size() * cols) refuse(Code::shape, "out must have order.length × cols values");
    if (cols == 0) return;
    require_below(order, from.size() / cols, "order");
    rows::take_rows(from.data(), cols, order, out.data());
  });
  return call.Env().Undefined();
}

/// (from: floats, cols, columns: Uint32Array, out: floats, rows × columns.length)
Napi::Value take_columns(const Napi::CallbackInfo& call) {
  const std::size_t cols = count(call[1], "cols");
  with_floats(call[0], call[3], [&](auto from, auto out) {
    const std::span<const std::uint32_t> columns = integers(call[2], "columns");
    const std::size_t rows = cols == 0 ? 0 : from.size() / cols;
    if (out.size() != rows * columns.size())
      refuse(Code::shape, "out must have rows × columns.length values");
    require_below(columns, cols, "columns");
    rows::take_columns(from.data(), rows, cols, columns, out.data());
  });
  return call.Env().Undefined();
}

/// (seed, epoch, index, out: Uint32Array): 0 … out.length − 1 in random order
Napi::Value permutation(const Napi::CallbackInfo& call) {
  const std::size_t seed = count(call[0], "seed"), epoch = count(call[1], "epoch"),
                    index = count(call[2], "index");
  rows::permutation(seed, epoch, index, integers(call[3], "out"));
  return call.Env().Undefined();
}

}  // namespace

void add_rows(Napi::Object exports) {
  add<first_not_finite, 1>(exports, "firstNotFinite");
  add<take_rows, 4>(exports, "takeRows");
  add<take_columns, 4>(exports, "takeColumns");
  add<permutation, 4>(exports, "permutation");
}

}  // namespace unsuperpose::node
