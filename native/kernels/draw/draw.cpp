#include "draw.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::draw {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::draw
