// Whether two learners are in the same state, bit by bit.
#pragma once
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <variant>
#include <vector>

#include "../../native/learning/checkpoint.hpp"

namespace unsuperpose::check {

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// Every array; names the first that differs.
inline bool same(const Checkpoint& a, const Checkpoint& b) {
  if (a.arrays().size() != b.arrays().size()) return false;
  for (const auto& [name, values] : a.arrays()) {
    const auto other = b.arrays().find(name);
    if (other == b.arrays().end() || other->second.index() != values.index()) return false;
    const bool equal = std::visit(
        [&](const auto& all) { return same(all, std::get<std::decay_t<decltype(all)>>(other->second)); },
        values);
    if (equal) continue;
    std::printf("  %s differs\n", name.c_str());
    return false;
  }
  return true;
}

}  // namespace unsuperpose::check
