#include "fiber.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#if EMULATION_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if EMULATION_TSAN
extern "C" {
void* __tsan_get_current_fiber(void);
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* at);
void __tsan_release(void* at);
void __tsan_read_range(void* at, unsigned long size);
void __tsan_write_range(void* at, unsigned long size);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

// Saves the registers that a call keeps and the stack, and takes those of another fiber. Elsewhere swapcontext does it.
#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.type unsuperpose_emulation_switch, @function
unsuperpose_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size unsuperpose_emulation_switch, . - unsuperpose_emulation_switch
)");
#define EMULATION_SAVED 6
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.type unsuperpose_emulation_switch, %function
unsuperpose_emulation_switch:
  sub sp, sp, #160
  stp x29, x30, [sp, #0]
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x29, x30, [sp, #0]
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size unsuperpose_emulation_switch, . - unsuperpose_emulation_switch
)");
#define EMULATION_SAVED 20
#else
#include <ucontext.h>
#endif
#ifdef EMULATION_SAVED
extern "C" void unsuperpose_emulation_switch(void** save, void* to);
#endif

namespace unsuperpose::cuda::emulation {
namespace {

constexpr std::size_t kStack = EMULATION_ASAN || EMULATION_TSAN ? 256 * 1024 : 128 * 1024;
Fiber* came_from = nullptr;
Fiber* running = nullptr;

}  // namespace

Fiber::Fiber(void (*entry)()) : entry_(entry), size_(kStack) {
  // A page that nobody may touch lies below.
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  mapping_ = mmap(nullptr, page + kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) {
    std::perror("emulation: no memory for a fiber");
    std::abort();
  }
  mprotect(mapping_, page, PROT_NONE);
  auto* bottom = static_cast<unsigned char*>(mapping_) + page;
  bottom_ = bottom;
#ifdef EMULATION_SAVED
  // Stacks that began at the same place of a page would share few lines of a cache.
  static std::size_t made = 0;
  auto* top = reinterpret_cast<void**>(bottom + kStack - made++ % 64 * 320);
#if defined(__x86_64__)
  // As a call would leave it: the address to go to, and above it one to return to.
  void** position = top - 2 - EMULATION_SAVED;
  position[EMULATION_SAVED] = reinterpret_cast<void*>(&Fiber::start);
#else
  void** position = top - EMULATION_SAVED;
  position[1] = reinterpret_cast<void*>(&Fiber::start);
#endif
  position_ = position;
#else
  auto* context = new ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = bottom;
  context->uc_stack.ss_size = kStack;
  context->uc_link = nullptr;
  makecontext(context, &Fiber::start, 0);
  position_ = context;
#endif
#if EMULATION_TSAN
  race_detector_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  if (!mapping_) return;
#if EMULATION_TSAN
  __tsan_destroy_fiber(race_detector_);
#endif
#ifndef EMULATION_SAVED
  delete static_cast<ucontext_t*>(position_);
#endif
  munmap(mapping_, size_ + static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
}

void Fiber::continue_from(Fiber& from) {
  came_from = &from;
  running = this;
#if EMULATION_TSAN
  if (!from.race_detector_ || !from.mapping_) from.race_detector_ = __tsan_get_current_fiber();
#endif
#if EMULATION_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack_, bottom_, size_);
#endif
#if EMULATION_TSAN
  __tsan_switch_to_fiber(race_detector_, 1);  // 1: orders no memory
#endif
#ifdef EMULATION_SAVED
  unsuperpose_emulation_switch(&from.position_, position_);
#else
  ucontext_t here;
  void* keep = from.mapping_ ? from.position_ : (from.position_ = &here);
  swapcontext(static_cast<ucontext_t*>(keep), static_cast<ucontext_t*>(position_));
#endif
  arrive();
}

void Fiber::arrive() {
#if EMULATION_ASAN
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(running->fake_stack_, &bottom, &size);
  if (!came_from->mapping_) came_from->bottom_ = bottom, came_from->size_ = size;
#endif
}

void Fiber::start() {
  arrive();
  running->entry_();
}

#if EMULATION_TSAN
void release(void* at) { __tsan_release(at); }
void acquire(void* at) { __tsan_acquire(at); }
void reads(const void* at, std::size_t bytes) { __tsan_read_range(const_cast<void*>(at), bytes); }
void writes(void* at, std::size_t bytes) { __tsan_write_range(at, bytes); }
Unwatched::Unwatched() {
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}
Unwatched::~Unwatched() {
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
}
#else
void release(void*) {}
void acquire(void*) {}
void reads(const void*, std::size_t) {}
void writes(void*, std::size_t) {}
Unwatched::Unwatched() = default;
Unwatched::~Unwatched() = default;
#endif

#if EMULATION_ASAN
void forbid(const void* at, std::size_t bytes) { __asan_poison_memory_region(at, bytes); }
void allow(const void* at, std::size_t bytes) { __asan_unpoison_memory_region(at, bytes); }
#else
void forbid(const void*, std::size_t) {}
void allow(const void*, std::size_t) {}
#endif

}  // namespace unsuperpose::cuda::emulation
