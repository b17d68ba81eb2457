#include "reduce.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::reduce {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::reduce
