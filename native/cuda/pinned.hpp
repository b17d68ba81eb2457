// Memory of the host that the GPU's copies reach without a detour, for samples: taken by the CPU module, and kept for the next that asks, since
// pinning takes longer than a copy.
#pragma once
#include <cstddef>

namespace unsuperpose::cuda {

/// At least `bytes`, for copies to any device; taken by way of this one. Throws.
void* take_pinned(int device, std::size_t bytes);
/// What take_pinned() gave, which nothing reads or writes any more.
void give_pinned(void* memory);
/// Do these bytes lie in memory that is taken?
bool is_pinned(const void* memory, std::size_t bytes);

}  // namespace unsuperpose::cuda
