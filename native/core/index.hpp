// What stands for no index where an index is 32 bits.
#pragma once
#include <cstdint>

namespace unsuperpose {

inline constexpr std::uint32_t kNone = 0xffffffff;

}  // namespace unsuperpose
