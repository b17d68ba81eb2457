#include "arguments.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "../core/cancellation.hpp"
#include "../core/thread_pool.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../scoring/device.hpp"

namespace unsuperpose::node {

namespace {

constexpr double kLargestCount = 9007199254740991;  // 2⁵³ − 1, the largest integer that doubles count to
/// A block of rows that one thread checks: some ten microseconds.
constexpr std::size_t kCheckedValues = std::size_t{1} << 17;
/// Copied by a thread at a time: a large page of memory.
constexpr std::size_t kCopiedValues = (std::size_t{1} << 21) / sizeof(float);

template <class T>
std::span<T> elements(const Napi::Value& value, napi_typedarray_type wanted, const char* name,
                      const char* type) {
  const auto fail = [&] { refuse(Code::dtype, std::string(name) + " must be a " + type); };
  bool is_array = false;
  if (napi_is_typedarray(value.Env(), value, &is_array) != napi_ok || !is_array) fail();
  napi_typedarray_type found;
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &found, &length, &data, nullptr, nullptr) != napi_ok ||
      found != wanted)
    fail();
  if (data == nullptr) length = 0;
  return {static_cast<T*>(data), length};
}

std::string describe(double value) {
  return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

}  // namespace

std::span<float> floats(const Napi::Value& value, const char* name) {
  return elements<float>(value, napi_float32_array, name, "Float32Array");
}
std::span<double> doubles(const Napi::Value& value, const char* name) {
  return elements<double>(value, napi_float64_array, name, "Float64Array");
}
std::span<std::uint8_t> bytes(const Napi::Value& value, const char* name) {
  return elements<std::uint8_t>(value, napi_uint8_array, name, "Uint8Array");
}
std::span<std::uint16_t> shorts(const Napi::Value& value, const char* name) {
  return elements<std::uint16_t>(value, napi_uint16_array, name, "Uint16Array");
}
std::span<std::uint32_t> integers(const Napi::Value& value, const char* name) {
  return elements<std::uint32_t>(value, napi_uint32_array, name, "Uint32Array");
}

bool is_float64_array(const Napi::Value& value) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
}

std::vector<double> one_or_each(const Napi::Value& value, const char* name) {
  if (value.IsNumber()) return {value.As<Napi::Number>().DoubleValue()};
  const auto values = doubles(value, name);
  return {values.begin(), values.end()};
}

double number(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) refuse(Code::option, std::string(name) + " must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::size_t count(const Napi::Value& value, const char* name) {
  const double result = number(value, name);
  if (!(result >= 0 && result <= kLargestCount) || result != std::floor(result))
    refuse(Code::option, std::string(name) + " must be an integer ≥ 0");
  return static_cast<std::size_t>(result);
}

unsigned threads(const Napi::Value& value) {
  const std::size_t result = count(value, "threads");
  if (result < 1 || result > ThreadPool::kMaxThreads)
    refuse(Code::option, "threads must be between 1 and " + std::to_string(ThreadPool::kMaxThreads));
  return static_cast<unsigned>(result);
}

Execution execution_of(const Napi::Value& value) {
  if (!value.IsObject()) return Execution{threads(value)};
  const auto object = value.As<Napi::Object>();
  Execution execution{threads(object.Get("threads"))};
  const std::size_t index = count(object.Get("device"), "device");
  constexpr std::size_t kLargest = std::numeric_limits<int>::max();
  require(device::find(static_cast<int>(std::min(index, kLargest)), execution.device));
  return execution;
}

Matrix32 matrix(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) refuse(Code::dtype, std::string(name) + " must be a matrix");
  const auto object = value.As<Napi::Object>();
  const std::size_t rows = count(object.Get("rows"), name), cols = count(object.Get("cols"), name);
  const std::span<float> data = floats(object.Get("data"), name);
  const bool overflows = cols != 0 && rows > std::numeric_limits<std::size_t>::max() / sizeof(float) / cols;
  if (overflows || data.size() != rows * cols)
    refuse(Code::shape, std::string(name) + ": the data holds " + std::to_string(data.size()) +
                            " values, the shape is " + std::to_string(rows) + " × " + std::to_string(cols));
  return {data.data(), rows, cols};
}

void require_finite(ConstMatrix32 matrix, const char* name, const Execution& execution) {
  const auto& reduce = reduce::table();
  if (matrix.cols == 0) return;  // of any number of rows
  const std::size_t rows = matrix.rows;
  const std::size_t height = std::max<std::size_t>(1, kCheckedValues / std::max<std::size_t>(1, matrix.cols));
  std::atomic<std::size_t> first{rows};  // of the rows found so far that are not finite
  execution.for_each((rows + height - 1) / height, [&](std::size_t block) {
    std::size_t known = first.load(std::memory_order_relaxed);
    const std::size_t end = std::min(rows, (block + 1) * height);
    for (std::size_t i = block * height; i < std::min(end, known); ++i) {
      if (reduce.all_finite(matrix.row(i), matrix.cols)) continue;
      while (i < known && !first.compare_exchange_weak(known, i, std::memory_order_relaxed)) {
      }
      return;
    }
  });
  if (execution.cancelled()) require(Status::cancelled());
  const std::size_t i = first.load(std::memory_order_relaxed);
  if (i == rows) return;
  const float* row = matrix.row(i);
  std::size_t k = 0;
  while (k + 1 < matrix.cols && std::isfinite(row[k])) ++k;
  refuse(Code::not_finite, std::string(name) + " must be finite in float32: row " + std::to_string(i) +
                               ", column " + std::to_string(k) + " is " + describe(row[k]));
}

MatrixCopy::MatrixCopy(ConstMatrix32 from, unsigned threads)
    : data(from.rows * from.cols), rows(from.rows), cols(from.cols) {
  CallMemory::now().copied += data.bytes();
  const std::size_t size = rows * cols;
  // Fresh pages take longer than the copy itself.
  Execution{threads}.for_each((size + kCopiedValues - 1) / kCopiedValues, [&](std::size_t block) {
    const std::size_t first = block * kCopiedValues, count = std::min(kCopiedValues, size - first);
    std::memcpy(data.data() + first, from.data + first, count * sizeof(float));
  });
}

CodesView codes(const Napi::Value& value, const char* name, bool wide) {
  if (!value.IsObject()) refuse(Code::dtype, std::string(name) + " must be sparse codes");
  const auto object = value.As<Napi::Object>();
  const Napi::Value indptr = object.Get("indptr"), indices = object.Get("indices"),
                    values = object.Get("values");
  if (wide && values.IsTypedArray() && values.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array)
    return {integers(indptr, name), integers(indices, name), {}, doubles(values, name)};
  return {integers(indptr, name), integers(indices, name), floats(values, name), {}};
}

void require_valid(const CodesView& codes, std::size_t rows, std::size_t features, const char* name) {
  const auto fail = [&](const std::string& what) { refuse(Code::shape, std::string(name) + ": " + what); };
  const auto& [indptr, indices, floats, wide] = codes;
  const std::size_t count = std::max(floats.size(), wide.size());
  const auto value = [&codes](std::size_t k) {
    return codes.wide.empty() ? static_cast<double>(codes.values[k]) : codes.wide[k];
  };
  if (indptr.size() != rows + 1)
    fail("indptr must have rows + 1 (" + std::to_string(rows + 1) + ") entries, got " +
         std::to_string(indptr.size()));
  if (indices.size() != count)
    fail("indices (" + std::to_string(indices.size()) + ") and values (" + std::to_string(count) +
         ") must be equally long");
  if (indptr[0] != 0 || indptr[rows] != indices.size())
    fail("indptr must run from 0 to the number of indices (" + std::to_string(indices.size()) + ")");
  for (std::size_t i = 0; i < rows; ++i)
    if (indptr[i] > indptr[i + 1]) fail("indptr must not fall, at row " + std::to_string(i));
  cancellation::Points<4096> points;
  for (std::size_t i = 0; i < rows; ++i) {
    points.pass();
    for (std::size_t at = indptr[i]; at < indptr[i + 1]; ++at) {
      if (indices[at] >= features)
        fail("row " + std::to_string(i) + " holds index " + std::to_string(indices[at]) + ", there are " +
             std::to_string(features) + " features");
      if (at > indptr[i] && indices[at] <= indices[at - 1])
        fail("indices must ascend, in row " + std::to_string(i));
      if (!std::isfinite(value(at)))
        refuse(Code::not_finite, std::string(name) + " must be finite: row " + std::to_string(i) +
                                     ", column " + std::to_string(indices[at]) + " is " +
                                     describe(value(at)));
    }
  }
}

SparseCodes copy_codes(const Napi::Value& value, const char* name, bool wide) {
  const CodesView from = codes(value, name, wide);
  SparseCodes copy;
  const auto assign = [](auto& to, const auto& values) {
    to = sized_vector<std::remove_cvref_t<decltype(values[0])>>(values.size());
    std::copy(values.begin(), values.end(), to.begin());
    CallMemory::now().copied += values.size_bytes();
  };
  assign(copy.indptr, from.indptr);
  assign(copy.indices, from.indices);
  assign(copy.values, from.values);
  assign(copy.wide, from.wide);
  return copy;
}

SparseCodes own_codes(const Napi::Value& value, std::size_t rows, std::size_t features, const char* name,
                      bool wide) {
  SparseCodes owned = copy_codes(value, name, wide);
  require_valid(view_of(owned), rows, features, name);
  return owned;
}

}  // namespace unsuperpose::node
