// What a native call answers. lib/ makes an UnsuperposeError of the same code, but of a cancelled call its signal's reason.
#pragma once
#include <string>
#include <utility>

namespace unsuperpose {

enum class Code { ok, shape, dtype, option, not_finite, disposed, too_large, no_device, cancelled, native };

/// The code's stable name as JavaScript sees it ("ERR_SHAPE", …); "" for ok.
inline const char* code_name(Code code) {
  switch (code) {
    case Code::ok: return "";
    case Code::shape: return "ERR_SHAPE";
    case Code::dtype: return "ERR_DTYPE";
    case Code::option: return "ERR_OPTION";
    case Code::not_finite: return "ERR_NOT_FINITE";
    case Code::disposed: return "ERR_DISPOSED";
    case Code::too_large: return "ERR_TOO_LARGE";
    case Code::no_device: return "ERR_NO_DEVICE";
    case Code::cancelled: return "ERR_CANCELLED";
    case Code::native: return "ERR_NATIVE";
  }
  return "ERR_NATIVE";
}

struct [[nodiscard]] Status {
  Code code = Code::ok;
  std::string message;

  bool ok() const { return code == Code::ok; }
  static Status fail(Code code, std::string message) { return {code, std::move(message)}; }
  static Status cancelled() { return {Code::cancelled, "the call was cancelled"}; }
};

}  // namespace unsuperpose
