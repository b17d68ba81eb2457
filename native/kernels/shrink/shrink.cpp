#include "shrink.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::shrink {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::shrink
