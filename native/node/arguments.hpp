// Reading what lib/ hands over. lib/ has validated names and ranges; here types, pointers and
// lengths are checked again, right before use: a typed array may have been detached, shrunk or resized meanwhile.
// Every export reads in one order: first the options, then it copies what can change under it (what a job uses; lib/ has copied shared
// memory), and last it looks at what it borrows and checks what it has copied.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/view.hpp"
#include "guard.hpp"

namespace unsuperpose::node {

/// The memory of a typed array, as it is now. Valid until JavaScript runs again. ERR_DTYPE for another type.
std::span<float> floats(const Napi::Value& value, const char* name);
std::span<double> doubles(const Napi::Value& value, const char* name);
/// A number, which is one entry, or a Float64Array, copied.
std::vector<double> one_or_each(const Napi::Value& value, const char* name);
std::span<std::uint16_t> shorts(const Napi::Value& value, const char* name);
std::span<std::uint8_t> bytes(const Napi::Value& value, const char* name);
std::span<std::uint32_t> integers(const Napi::Value& value, const char* name);

bool is_float64_array(const Napi::Value& value);

/// A number that is a count. ERR_OPTION otherwise.
std::size_t count(const Napi::Value& value, const char* name);
double number(const Napi::Value& value, const char* name);
unsigned threads(const Napi::Value& value);
/// How a call is to run: a number of threads, or { threads, device }, where device is a CUDA device's number. ERR_NO_DEVICE.
Execution execution_of(const Napi::Value& value);

/// A matrix borrowed from JavaScript: { data: Float32Array, rows, cols }. ERR_SHAPE if data is not rows × cols long.
Matrix32 matrix(const Napi::Value& value, const char* name);
/// ERR_NOT_FINITE with the first row and column that hold NaN or ±Infinity; ERR_CANCELLED. Asynchronous calls ask in the job.
void require_finite(ConstMatrix32 matrix, const char* name, const Execution& execution = {});

/// A matrix of our own. Moves, never copies implicitly.
struct MatrixCopy {
  AlignedBuffer<float> data;
  std::size_t rows = 0, cols = 0;
  /// On up to `threads` threads where it is large.
  explicit MatrixCopy(ConstMatrix32 from, unsigned threads = 1);
  ConstMatrix32 view() const { return {data.data(), rows, cols}; }
};

/// Codes borrowed from { indptr, indices, values }.
struct CodesView {
  std::span<const std::uint32_t> indptr, indices;
  std::span<const float> values;
  std::span<const double> wide;  // in place of values, where they are float64
};
inline CodesView view_of(const SparseCodes& codes) {
  return {codes.indptr, codes.indices, codes.values, codes.wide};
}
/// Values that are a Float64Array are taken where `wide`, and refused otherwise.
CodesView codes(const Napi::Value& value, const char* name, bool wide = false);
/// ERR_SHAPE or ERR_NOT_FINITE unless these are `rows` rows over `features` features, indices ascending.
void require_valid(const CodesView& codes, std::size_t rows, std::size_t features, const char* name);
/// Codes of our own, not yet checked.
SparseCodes copy_codes(const Napi::Value& value, const char* name, bool wide = false);
/// Valid codes of our own. Copied first, checked afterwards: shared memory may change in between.
SparseCodes own_codes(const Napi::Value& value, std::size_t rows, std::size_t features, const char* name,
                      bool wide = false);

}  // namespace unsuperpose::node
