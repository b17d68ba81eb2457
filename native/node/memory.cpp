#include "memory.hpp"

namespace unsuperpose::node {

CallMemory& CallMemory::now() {
  thread_local CallMemory memory;
  return memory;
}

}  // namespace unsuperpose::node
