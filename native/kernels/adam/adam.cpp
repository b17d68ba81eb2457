#include "adam.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::adam {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::adam
