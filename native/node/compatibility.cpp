// Keeps the binary loadable on glibc 2.28 and the libstdc++ of GCC 8: two symbols that newer headers refer to are
// defined here, hidden, so that the linker takes these and the binary asks nothing of the system's libraries. Weak, for a static libstdc++, which
// some compilers link by default, brings its own.
#if defined(__GLIBC__) || defined(__linux__)
#include <new>

extern "C" {
/// glibc 2.32: "no second thread exists", which lets shared_ptr skip atomic instructions. We have threads.
__attribute__((visibility("hidden"), weak)) char __libc_single_threaded = 0;
}

namespace std {
/// GLIBCXX_3.4.29: what std::vector calls for a size beyond all memory.
__attribute__((visibility("hidden"), weak, noreturn)) void __throw_bad_array_new_length() {
  throw bad_alloc();
}
}  // namespace std
#endif
