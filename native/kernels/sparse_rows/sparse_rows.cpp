#include "sparse_rows.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::sparse_rows {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::sparse_rows
