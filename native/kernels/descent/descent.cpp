#include "descent.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::descent {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::descent
