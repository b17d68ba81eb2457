// All that a learner is, as plain arrays by name: what a file holds so that training goes on from there with the same bits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../core/status.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

class Checkpoint {
 public:
  using Array = std::variant<std::vector<float>, std::vector<double>, std::vector<std::uint32_t>,
                             std::vector<std::uint64_t>>;

  template <class T>
  void put(const std::string& name, std::vector<T> values) {
    arrays_[name] = std::move(values);
  }
  /// Row by row, without what lies between rows.
  void put(const std::string& name, ConstMatrix32 rows) {
    std::vector<float> values(rows.rows * rows.cols);
    for (std::size_t i = 0; i < rows.rows; ++i)
      for (std::size_t k = 0; k < rows.cols; ++k) values[i * rows.cols + k] = rows.row(i)[k];
    put(name, std::move(values));
  }

  /// The array of this name, or null where there is none of this type and size.
  template <class T>
  const std::vector<T>* find(const std::string& name, std::size_t size) const {
    const std::vector<T>* found = find<T>(name);
    return found && found->size() == size ? found : nullptr;
  }
  /// The same of any size.
  template <class T>
  const std::vector<T>* find(const std::string& name) const {
    const auto at = arrays_.find(name);
    return at == arrays_.end() ? nullptr : std::get_if<std::vector<T>>(&at->second);
  }

  /// For files: every array there is.
  const std::map<std::string, Array>& arrays() const { return arrays_; }
  void put(const std::string& name, Array values) { arrays_[name] = std::move(values); }

  static Status refuse(const char* what) {
    return Status::fail(Code::shape, std::string("the checkpoint is not one of ") + what);
  }

 private:
  std::map<std::string, Array> arrays_;
};

}  // namespace unsuperpose
