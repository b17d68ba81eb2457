#include "toy.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::toy {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::toy
