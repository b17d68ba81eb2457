// Instruction-set levels and their choice. The choice is made once, at first use, from cpuid and XCR0
// (what the processor can do and what the operating system saves), or forced by UNSUPERPOSE_ISA.
// Each operation has one table of function pointers, `<op>/<op>.hpp`; solvers call through it with
// whole blocks of work.
#pragma once
#include <string>
#include <vector>

namespace unsuperpose {

enum class Isa { scalar, avx2, avx512, neon };

const char* isa_name(Isa isa);

/// The level in use. The first call decides; later changes of the environment have no effect.
Isa active_isa();

/// The levels that this binary has and this processor can run, weakest first.
std::vector<Isa> supported_isas();

/// Capabilities beyond the level that were detected ("avx512_bf16", "avx512_vnni", …).
std::vector<std::string> capabilities();

/// "" or what is wrong with UNSUPERPOSE_ISA (an unknown name, a level that this machine lacks).
/// active_isa() then uses the best level; the binding refuses to load instead.
std::string isa_error();

}  // namespace unsuperpose
