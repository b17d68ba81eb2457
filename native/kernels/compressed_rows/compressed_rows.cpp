#include "compressed_rows.hpp"
#include "../dispatch.hpp"

namespace unsuperpose::compressed_rows {
UNSUPERPOSE_DISPATCH_TABLES
}  // namespace unsuperpose::compressed_rows
