#include "dots.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::dots {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::dots
