#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "../kernels/product/product.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/shrink/shrink.hpp"
#include "../scoring/top_k.hpp"
#include "../solvers/spectral.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "handles.hpp"

namespace unsuperpose::node {
namespace {

/// The right-hand side of a product: a dictionary's packed copy, or a plain matrix packed for this call.
class Right {
 public:
  /// `value`: { handle } or { data, rows, cols }
  Right(const Napi::Value& value, const Execution& execution) {
    if (!value.IsObject()) refuse(Code::dtype, "b must be a matrix or a Dictionary");
    const Napi::Value handle = value.As<Napi::Object>().Get("handle");
    if (!handle.IsUndefined()) {
      dictionary_ = held_dictionary(handle);
      max_norm_ = dictionary_->max_norm();
    } else {
      const Matrix32 rows = matrix(value, "b");
      require_finite(rows, "b", execution);
      own_ = product::PackedRows(ConstMatrix32(rows));
      for (std::size_t j = 0; j < rows.rows; ++j)
        max_norm_ = std::max(max_norm_, std::sqrt(reduce::table().squared_norm(rows.row(j), rows.cols)));
    }
  }
  const product::PackedRows& packed() const { return dictionary_ ? dictionary_->packed() : own_; }
  double max_norm() const { return max_norm_; }

 private:
  std::shared_ptr<const Dictionary> dictionary_;
  product::PackedRows own_;
  double max_norm_ = 0;
};

[[noreturn]] void refuse_overflow(std::size_t row) {
  refuse(Code::not_finite, "row " + std::to_string(row) + " of a: its products overflow float32");
}

/// Could a product of a vector of this norm, or a part of its sum, leave float32?
bool may_overflow(const float* vector, std::size_t dims, double max_norm) {
  constexpr double kLargest = 0x1.0p127;
  return std::sqrt(reduce::table().squared_norm(vector, dims)) * max_norm >= kLargest;
}

/// Refuses a row whose products leave float32: to infinity, or to NaN, which no comparison finds.
void require_products(Matrix32 left, const Right& right, const Execution& execution) {
  const std::size_t columns = right.packed().rows();
  AlignedBuffer<float> products;
  for (std::size_t i = 0; i < left.rows && columns > 0; ++i) {
    if (!may_overflow(left.row(i), left.cols, right.max_norm())) continue;
    products.reserve(columns);
    product::store(ConstMatrix32{left.row(i), 1, left.cols}, right.packed(), {products.data(), 1, columns},
                   execution);
    if (!reduce::table().all_finite(products.data(), columns)) refuse_overflow(i);
  }
}

bool overlap(const float* a, std::size_t a_size, const float* b, std::size_t b_size) {
  return a_size > 0 && b_size > 0 && std::less<>()(a, b + b_size) && std::less<>()(b, a + a_size);
}

/// The left-hand side, borrowed: taken after the right one, whose reading may run no JavaScript but may pack.
Matrix32 left_of(const Napi::Value& value, std::size_t dims, const Execution& execution) {
  const Matrix32 left = matrix(value, "a");
  if (left.cols != dims)
    refuse(Code::shape, "a has " + std::to_string(left.cols) + " columns, b has " + std::to_string(dims) +
                            ": they must agree");
  require_finite(left, "a", execution);
  return left;
}

/// (a, b, out: Float32Array of rows × rows, threads)
Napi::Value correlate(const Napi::CallbackInfo& call) {
  const Execution execution{threads(call[3])};
  const Right right(call[1], execution);
  const Matrix32 left = left_of(call[0], right.packed().dims(), execution);
  const std::span<float> out = floats(call[2], "out");
  const std::size_t columns = right.packed().rows();
  if (columns == 0 ? !out.empty() : out.size() / columns != left.rows || out.size() % columns != 0)
    refuse(Code::shape, "out must hold " + std::to_string(left.rows) + " × " + std::to_string(columns) +
                            " values, got " + std::to_string(out.size()));
  if (overlap(out.data(), out.size(), left.data, left.rows * left.cols))
    refuse(Code::option, "out must not share memory with a");
  if (!out.empty())
    product::store(ConstMatrix32(left), right.packed(), {out.data(), left.rows, columns}, execution);
  return call.Env().Undefined();
}

/// A right-hand side as a dictionary: the one of a handle, or one made for this call.
std::shared_ptr<const Dictionary> dictionary_of(const Napi::Value& value, const char* name,
                                                const Execution& execution) {
  if (!value.IsObject()) refuse(Code::dtype, std::string(name) + " must be a matrix or a Dictionary");
  const Napi::Value handle = value.As<Napi::Object>().Get("handle");
  if (!handle.IsUndefined()) return held_dictionary(handle);
  const Matrix32 rows = matrix(value, name);
  require_finite(rows, name, execution);
  std::shared_ptr<const Dictionary> made;
  require(Dictionary::make(rows, false, made));
  return made;
}

/// (a, b, k, absolute, threads) → { indices, values }, k a row, or undefined: they are on the tray
Napi::Value top_k(const Napi::CallbackInfo& call) {
  const Execution execution = execution_of(call[4]);
  const auto right = dictionary_of(call[1], "b", execution);
  const Matrix32 left = left_of(call[0], right->dims(), execution);
  const std::size_t k = count(call[2], "k");
  if (k < 1 || k > right->features())
    refuse(Code::option,
           "k must be between 1 and " + std::to_string(right->features()) + ", got " + std::to_string(k));
  auto indices = sized_vector<std::uint32_t>(left.rows * k);
  auto values = sized_vector<float>(left.rows * k);
  unsuperpose::top_k(left, *right, k, call[3].ToBoolean(), execution, indices.data(), values.data());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) refuse_overflow(i / k);
  if (Environment::of(call.Env()).tray().lay({indices, values})) return call.Env().Undefined();
  return object(call.Env(), {{"indices", indices}, {"values", values}});
}

product::Precision precision_of(const std::string& name, std::size_t dims) {
  using product::Precision;
  for (const Precision precision : product::kEveryPrecision) {
    if (name != product::precision_name(precision)) continue;
    if (precision != Precision::float32 && !product::rounded_kernels(precision, dims))
      refuse(Code::option, "precision " + name + " is not available for " + std::to_string(dims) +
                               " dims at level " + isa_name(active_isa()));
    return precision;
  }
  refuse(Code::option, "precision " + name + " does not exist");
}

/// (a, b, precision, out: Float32Array of rows × rows, errors: Float64Array of a's rows, threads)
Napi::Value estimate(const Napi::CallbackInfo& call) {
  const Execution execution{threads(call[5])};
  const auto right = dictionary_of(call[1], "b", execution);
  const Matrix32 left = left_of(call[0], right->dims(), execution);
  const std::size_t dims = right->dims(), columns = right->features();
  const product::Precision precision = precision_of(call[2].ToString(), dims);
  const std::span<float> out = floats(call[3], "out");
  const std::span<double> errors = doubles(call[4], "errors");
  if (out.size() != left.rows * columns || errors.size() != left.rows)
    refuse(Code::shape, "out or errors have the wrong size");
  const product::PackedRows& packed = right->packed(precision);
  double moved = 0;
  for (const float error : packed.errors()) moved = std::max(moved, static_cast<double>(error));
  product::LeftRows rows{ConstMatrix32(left)};
  product::RoundedRows rounded;
  if (precision != product::Precision::float32) {
    rounded.assign(rows, precision, packed.isa(), execution);
    rows.rounded = &rounded;
  }
  if (!out.empty()) product::store(rows, packed, {out.data(), left.rows, columns}, execution);
  for (std::size_t i = 0; i < left.rows; ++i) {
    if (may_overflow(left.row(i), dims, right->max_norm()) &&
        !reduce::table().all_finite(out.data() + i * columns, columns))
      refuse_overflow(i);
    const double norm =
        rows.rounded ? rounded.norm(i) : std::sqrt(reduce::table().squared_norm(left.row(i), dims));
    errors[i] = product::score_error(precision, dims, norm, rows.rounded ? rounded.error(i) : 0,
                                     right->max_norm(), moved);
  }
  return call.Env().Undefined();
}

/// b as a device scores it; null where the call has none, and where only the CPU's float32 tells what is asked: for products that may
/// overflow, and for rows that are no dictionary's.
std::shared_ptr<const Dictionary> for_device(const Napi::Value& a, const Napi::Value& b,
                                             const Execution& execution) {
  if (!execution.device || !b.IsObject()) return nullptr;
  std::shared_ptr<const Dictionary> made;
  if (const Napi::Value handle = b.As<Napi::Object>().Get("handle"); !handle.IsUndefined()) {
    made = held_dictionary(handle);
  } else {
    const Matrix32 rows = matrix(b, "b");
    require_finite(rows, "b", execution);
    if (!Dictionary::make(rows, false, made).ok()) return nullptr;
  }
  const Matrix32 left = left_of(a, made->dims(), execution);
  for (std::size_t i = 0; i < left.rows; ++i)
    if (may_overflow(left.row(i), left.cols, made->max_norm())) return nullptr;
  return made;
}

/// (a, b, threshold, absolute, limit, threads) → { indptr, indices, values }
Napi::Value above(const Napi::CallbackInfo& call) {
  const Execution execution = execution_of(call[5]);
  const auto threshold = static_cast<float>(number(call[2], "threshold"));
  const std::size_t limit =
      std::min<std::size_t>(count(call[4], "limit"), std::numeric_limits<std::uint32_t>::max());
  std::vector<std::vector<product::Entry>> rows;
  // Below zero nearly everything passes, and no bound is small beside zero.
  const auto on_device = threshold > 0 ? for_device(call[0], call[1], execution) : nullptr;
  if (on_device) {
    const Matrix32 left = left_of(call[0], on_device->dims(), execution);
    require(above_in_float64(ConstMatrix32(left), *on_device, threshold, call[3].ToBoolean(), limit,
                             execution, rows));
  } else {
    const Right right(call[1], execution);
    const Matrix32 left = left_of(call[0], right.packed().dims(), execution);
    require_products(left, right, execution);
    const std::vector<float> floor(left.rows, threshold);
    product::SelectOptions options;
    options.floor = floor.data();
    options.positive_only = !call[3].ToBoolean();
    require(product::above(ConstMatrix32(left), right.packed(), options, limit, rows, execution));
  }

  SparseCodes codes;
  codes.indptr.push_back(0);
  for (auto& row : rows) {
    for (const product::Entry& entry : row) {
      codes.indices.push_back(entry.index);
      codes.values.push_back(entry.value);
    }
    codes.indptr.push_back(static_cast<std::uint32_t>(codes.indices.size()));
    row = {};
  }
  return to_value(call.Env(), codes);
}

/// (a, b, absolute, out: Float32Array of a's rows, threads)
Napi::Value maximum(const Napi::CallbackInfo& call) {
  const Execution execution = execution_of(call[4]);
  if (const auto on_device = for_device(call[0], call[1], execution)) {
    const Matrix32 left = left_of(call[0], on_device->dims(), execution);
    const std::span<float> strongest = floats(call[3], "out");
    if (strongest.size() != left.rows) refuse(Code::shape, "out must hold one value a row");
    const bool absolute = call[2].ToBoolean();
    std::vector<std::uint32_t> indices(left.rows);
    unsuperpose::top_k(ConstMatrix32(left), *on_device, 1, absolute, execution, indices.data(),
                       strongest.data());
    for (float& value : strongest) value = absolute ? std::fabs(value) : value;
    return call.Env().Undefined();
  }
  const Right right(call[1], execution);
  const Matrix32 left = left_of(call[0], right.packed().dims(), execution);
  const std::span<float> out = floats(call[3], "out");
  if (out.size() != left.rows) refuse(Code::shape, "out must hold one value a row");
  require_products(left, right, execution);
  product::SelectOptions options;
  options.positive_only = !call[2].ToBoolean();
  if (left.rows > 0) product::max(ConstMatrix32(left), right.packed(), options, out.data(), execution);
  return call.Env().Undefined();
}

/// (v, threshold, weights | undefined, nonnegative, out)
Napi::Value soft_threshold(const Napi::CallbackInfo& call) {
  const double threshold = number(call[1], "threshold");
  if (!(threshold >= 0)) refuse(Code::option, "threshold must be ≥ 0");
  const std::span<float> v = floats(call[0], "v"), out = floats(call[4], "out");
  const std::span<float> weights = call[2].IsUndefined() ? std::span<float>{} : floats(call[2], "weights");
  if (out.size() != v.size())
    refuse(Code::shape,
           "out must hold " + std::to_string(v.size()) + " values, got " + std::to_string(out.size()));
  if (!call[2].IsUndefined() && weights.size() != v.size())
    refuse(Code::shape, "weights must hold " + std::to_string(v.size()) + " values, got " +
                            std::to_string(weights.size()));
  if ((out.data() != v.data() && overlap(out.data(), out.size(), v.data(), v.size())) ||
      overlap(out.data(), out.size(), weights.data(), weights.size()))
    refuse(Code::option, "out must be v itself or share no memory with v and weights");
  shrink::table().soft(v.data(), static_cast<float>(threshold), weights.empty() ? nullptr : weights.data(),
                       call[3].ToBoolean(), out.data(), v.size());
  return call.Env().Undefined();
}

/// ({ handle } | matrix, fromAbove, threads) → { lower, upper }
Napi::Value bracket(const Napi::CallbackInfo& call) {
  const Execution execution{threads(call[2])};
  const auto dictionary = dictionary_of(call[0], "matrix", execution);
  const SpectralBracket found = spectral_bracket(*dictionary, call[1].ToBoolean(), execution);
  return object(call.Env(), {{"lower", found.lower}, {"upper", found.upper}});
}

}  // namespace

void add_ops(Napi::Object exports) {
  add<correlate, 4>(exports, "correlate");
  add<top_k, 5>(exports, "topK");
  add<estimate, 6>(exports, "estimate");
  add<above, 6>(exports, "above");
  add<maximum, 5>(exports, "maximum");
  add<soft_threshold, 5>(exports, "softThreshold");
  add<bracket, 3>(exports, "spectralBracket");
}

}  // namespace unsuperpose::node
