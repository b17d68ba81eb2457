// Instruction-set levels and their choice. The choice is made once, at first use, from cpuid and XCR0
// (what the processor can do and what the operating system saves), or forced by UNSUPERPOSE_ISA.
// Each operation has one table of function pointers, `<op>/<op>.hpp`; solvers call through it with
// whole blocks of work.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

// The levels of each architecture, weakest first. A level is a name here, its detection in isa.cpp, its vector type and region in
// simd/, and a file of its name for each operation (a missing one fails to link).
#define UNSUPERPOSE_ANY_LEVELS(DO, with) DO(scalar, with)
#define UNSUPERPOSE_X86_LEVELS(DO, with) DO(avx2, with) DO(avx512, with)
#define UNSUPERPOSE_ARM_LEVELS(DO, with) DO(neon, with)

#define UNSUPERPOSE_ALL_LEVELS(DO, with) \
  UNSUPERPOSE_ANY_LEVELS(DO, with) UNSUPERPOSE_X86_LEVELS(DO, with) UNSUPERPOSE_ARM_LEVELS(DO, with)
#if defined(__x86_64__)
#define UNSUPERPOSE_BUILT_LEVELS(DO, with) UNSUPERPOSE_ANY_LEVELS(DO, with) UNSUPERPOSE_X86_LEVELS(DO, with)
#elif defined(__aarch64__)
#define UNSUPERPOSE_BUILT_LEVELS(DO, with) UNSUPERPOSE_ANY_LEVELS(DO, with) UNSUPERPOSE_ARM_LEVELS(DO, with)
#else
#define UNSUPERPOSE_BUILT_LEVELS(DO, with) UNSUPERPOSE_ANY_LEVELS(DO, with)
#endif

// What a processor may have beyond its level, in the order of info(): a name here, its detection in isa.cpp.
// UNSUPERPOSE_WITHOUT, a list of such names with commas, leaves some unused.
#define UNSUPERPOSE_CAPABILITIES(DO) \
  DO(amx_bf16) DO(amx_int8) DO(avx512_bf16) DO(avx512_vnni) DO(avx_vnni) DO(dotprod) DO(bf16)

namespace unsuperpose {

#define UNSUPERPOSE_ENUMERATOR(name, ...) name,
enum class Isa { UNSUPERPOSE_ALL_LEVELS(UNSUPERPOSE_ENUMERATOR, ) };
enum class Capability : std::uint8_t { none, UNSUPERPOSE_CAPABILITIES(UNSUPERPOSE_ENUMERATOR) };
#undef UNSUPERPOSE_ENUMERATOR

const char* isa_name(Isa isa);

/// The level in use. The first call decides; later changes of the environment have no effect.
Isa active_isa();

/// The levels that this binary has and this processor can run, weakest first.
std::vector<Isa> supported_isas();

/// Whether this processor has it; every one has Capability::none.
bool has(Capability capability);

/// The names of those that it has.
std::vector<std::string> capabilities();

/// "" or what is wrong with UNSUPERPOSE_ISA (an unknown name, a level that this machine lacks) or UNSUPERPOSE_WITHOUT (an unknown name).
/// active_isa() then uses the best level; the binding refuses to load instead.
std::string isa_error();

}  // namespace unsuperpose
