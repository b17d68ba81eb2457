// How samples lie in a panel: kPanel of them side by side, a row for each feature (or dim), so that they fill the lanes and every
// step is a fused multiply-add of a broadcast weight with a register of samples. A panel is row-major: features × kPanel.
#pragma once
#include <cstddef>

namespace unsuperpose::panels {

inline constexpr std::size_t kPanel = 32;  // two registers of the widest level

}  // namespace unsuperpose::panels
