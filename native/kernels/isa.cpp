#include "isa.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace unsuperpose {

namespace {

struct Processor {
  bool avx2 = false, avx512 = false, neon = false;
  std::vector<std::string> capabilities;
};

#if defined(__x86_64__)
bool bit(std::uint32_t word, unsigned index) { return (word >> index & 1) != 0; }

/// XCR0: which registers the operating system saves. Unlike _xgetbv() it needs no compiler flag.
std::uint64_t saved_state() {
  std::uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

Processor detect() {
  Processor found;
  std::uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return found;
  const bool fma = bit(c, 12), popcnt = bit(c, 23), osxsave = bit(c, 27), avx = bit(c, 28), f16c = bit(c, 29);
  if (!osxsave || !avx) return found;
  constexpr std::uint64_t kYmm = 0x06, kZmm = 0xe6;  // SSE and AVX; with opmask and both halves of zmm
  const std::uint64_t saved = saved_state();
  if ((saved & kYmm) != kYmm || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  const std::uint32_t subleaves = a, features = b, more = c;
  std::uint32_t extended = 0;
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) extended = a;

  found.avx2 = bit(features, 5) && fma && f16c && popcnt;
  found.avx512 = found.avx2 && (saved & kZmm) == kZmm && bit(features, 16) && bit(features, 17) &&
                 bit(features, 30) && bit(features, 31);  // F, DQ, BW, VL
  if (found.avx512 && bit(extended, 5)) found.capabilities.emplace_back("avx512_bf16");
  if (found.avx512 && bit(more, 11)) found.capabilities.emplace_back("avx512_vnni");
  if (found.avx2 && bit(extended, 4)) found.capabilities.emplace_back("avx_vnni");
  return found;
}
#else
Processor detect() {
  Processor found;
#if defined(__aarch64__)
  found.neon = true;                    // Advanced SIMD is part of AArch64
#if defined(__linux__)
  constexpr unsigned kDotProduct = 20;  // HWCAP_ASIMDDP
  constexpr unsigned kBfloat16 = 14;    // HWCAP2_BF16
  const bool dotprod = (getauxval(AT_HWCAP) >> kDotProduct & 1) != 0;
  const bool bf16 = (getauxval(AT_HWCAP2) >> kBfloat16 & 1) != 0;
#elif defined(__APPLE__)
  constexpr bool dotprod = true;  // every Mac with an Arm processor
  constexpr bool bf16 = false;    // not the first of them
#else
  constexpr bool dotprod = false, bf16 = false;
#endif
  if (dotprod) found.capabilities.emplace_back("dotprod");
  if (bf16) found.capabilities.emplace_back("bf16");
#endif
  return found;
}
#endif

const Processor& processor() {
  static const Processor found = detect();
  return found;
}

constexpr Isa kLevels[] = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon};

struct Choice {
  Isa isa;
  std::string error;
};

Choice choose() {
  const std::vector<Isa> supported = supported_isas();
  Choice choice{supported.back(), ""};
  const char* forced = std::getenv("UNSUPERPOSE_ISA");
  if (!forced || !*forced) return choice;
  for (const Isa isa : kLevels) {
    if (std::strcmp(forced, isa_name(isa)) != 0) continue;
    if (std::find(supported.begin(), supported.end(), isa) != supported.end())
      choice.isa = isa;
    else
      choice.error = std::string("UNSUPERPOSE_ISA asks for ") + forced + ", which this machine does not have";
    return choice;
  }
  choice.error = std::string("UNSUPERPOSE_ISA must be scalar, avx2, avx512 or neon, got \"") + forced + "\"";
  return choice;
}

const Choice& choice() {
  static const Choice made = choose();
  return made;
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::neon: return "neon";
  }
  return "unknown";
}

Isa active_isa() { return choice().isa; }

std::vector<Isa> supported_isas() {
  std::vector<Isa> supported{Isa::scalar};
  if (processor().avx2) supported.push_back(Isa::avx2);
  if (processor().avx512) supported.push_back(Isa::avx512);
  if (processor().neon) supported.push_back(Isa::neon);
  return supported;
}

std::vector<std::string> capabilities() { return processor().capabilities; }

std::string isa_error() { return choice().error; }

}  // namespace unsuperpose
