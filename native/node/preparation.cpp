#include "../learning/preparation.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {
namespace {

template <class T>
struct Prepared {
  Preparation found;
  std::vector<T> data;
};

/// { data, rows, cols }, data of this type.
template <class T>
MatrixView<T> typed_matrix(const Napi::Value& value, const char* name) {
  if constexpr (std::is_same_v<T, float>) {
    return matrix(value, name);
  } else {
    if (!value.IsObject()) refuse(Code::dtype, std::string(name) + " must be a matrix");
    const auto object = value.As<Napi::Object>();
    const std::size_t rows = count(object.Get("rows"), name), cols = count(object.Get("cols"), name);
    const std::span<double> data = doubles(object.Get("data"), name);
    if (cols == 0 ? !data.empty() : data.size() / cols != rows || data.size() % cols != 0)
      refuse(Code::shape, std::string(name) + ": the data holds " + std::to_string(data.size()) +
                              " values, the shape is " + std::to_string(rows) + " × " + std::to_string(cols));
    return {data.data(), rows, cols};
  }
}

bool is_float64(const Napi::Value& matrix) {
  if (!matrix.IsObject()) return false;
  return is_float64_array(matrix.As<Napi::Object>().Get("data"));
}

/// Values that float32 holds: what every call takes, whatever the type.
template <class T>
Status check_values(MatrixView<const T> values, const char* what) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < values.rows; ++i)
    for (std::size_t k = 0; k < values.cols; ++k)
      if (!(std::fabs(static_cast<double>(values.row(i)[k])) <= kLargest))
        return Status::fail(Code::not_finite, std::string(what) + " must be finite in float32: row " +
                                                  std::to_string(i) + ", column " + std::to_string(k) +
                                                  " is " + std::to_string(values.row(i)[k]));
  return {};
}

template <class T>
Napi::Value start_preparation(const Napi::CallbackInfo& call, PreparationOptions options) {
  const auto view = typed_matrix<T>(call[0], "activations");
  const auto rows = view.rows, cols = view.cols;
  if (options.origin == Origin::given && options.center.size() != cols)
    refuse(Code::shape, "center must have " + std::to_string(cols) + " entries");
  const auto samples = std::make_shared<const std::vector<T>>(view.data, view.data + rows * cols);
  return start_job<Prepared<T>>(
      call, 5,
      [=](const Execution& execution, Prepared<T>& out) {
        const MatrixView<const T> from(samples->data(), rows, cols);
        Status status = check_values(from, "activations");
        if (status.ok()) status = find_preparation(from, options, execution, out.found);
        if (!status.ok()) return status;
        out.data.resize(rows * cols);
        const MatrixView<T> to(out.data.data(), rows, cols);
        move_rows(from, out.found.center.data(), out.found.scale, false, to, execution);
        if (execution.cancelled()) return Status::cancelled();
        return check_values(MatrixView<const T>(to), "prepared activations");
      },
      [](Napi::Env env, const Prepared<T>& prepared) -> Napi::Value {
        return object(env, {
                               {"data", prepared.data},
                               {"center", prepared.found.center},
                               {"scale", prepared.found.scale},
                               {"bound", prepared.found.bound},
                               {"iterations", prepared.found.iterations},
                           });
      });
}

/// (matrix, origin, center: Float64Array, size, scale, threads, onProgress, onSettled) → job. `origin` and `size` name what is asked for.
Napi::Value prepare(const Napi::CallbackInfo& call) {
  const std::string origin = call[1].ToString(), size = call[3].ToString();
  PreparationOptions options;
  options.origin = origin == "mean" ? Origin::mean : origin == "median" ? Origin::median : Origin::given;
  options.size = size == "unit" ? Size::unit : size == "dims" ? Size::dims : Size::given;
  const auto center = doubles(call[2], "center");
  options.center.assign(center.begin(), center.end());
  options.scale = number(call[4], "scale");
  return is_float64(call[0]) ? start_preparation<double>(call, std::move(options))
                             : start_preparation<float>(call, std::move(options));
}

template <class T>
void move(const Napi::CallbackInfo& call, std::span<const double> center, double scale, std::span<T> to) {
  const auto from = typed_matrix<T>(call[0], "matrix");
  if (center.size() != from.cols || to.size() != from.rows * from.cols)
    refuse(Code::shape, "center or out have the wrong size");
  const Execution execution{threads(call[5])};
  require(check_values(MatrixView<const T>(from), "matrix"));
  const MatrixView<T> out(to.data(), from.rows, from.cols);
  move_rows(MatrixView<const T>(from), center.data(), scale, call[3].ToBoolean(), out, execution);
  require(check_values(MatrixView<const T>(out), "the result"));
}

/// (matrix, center: Float64Array, scale, back, out, threads): out = (matrix − center) · scale, or back. `out` may be the matrix's data.
Napi::Value move_matrix(const Napi::CallbackInfo& call) {
  const auto center = doubles(call[1], "center");
  const double scale = number(call[2], "scale");
  if (is_float64(call[0]))
    move<double>(call, center, scale, doubles(call[4], "out"));
  else
    move<float>(call, center, scale, floats(call[4], "out"));
  return call.Env().Undefined();
}

}  // namespace

void add_preparation(Napi::Object exports) {
  add<prepare, 8>(exports, "prepare");
  add<move_matrix, 6>(exports, "moveMatrix");
}

}  // namespace unsuperpose::node
