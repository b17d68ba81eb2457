// This module's own operator new, so that what it could not have is known: the standard library's throws without the size. Nothing but
// this module calls it (exports.map). Sanitizers have their own, which must match their operator delete.
#include <cstddef>
#include <cstdlib>
#include <new>

#include "../core/aligned.hpp"

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void* operator new(std::size_t bytes) {
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw unsuperpose::OutOfMemory(bytes);
}
void* operator new[](std::size_t bytes) { return ::operator new(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

#endif
