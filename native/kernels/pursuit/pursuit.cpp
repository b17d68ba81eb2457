#include "pursuit.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::pursuit {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::pursuit
