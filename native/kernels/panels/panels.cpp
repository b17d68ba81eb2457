#include "panels.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::panels {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::panels
