#include "isa.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace unsuperpose {

namespace {

/// A bit for each enumerator.
template <class Enum>
class Flags {
 public:
  void set(Enum flag, bool on = true) { bits_ |= std::uint32_t{on} << static_cast<unsigned>(flag); }
  bool has(Enum flag) const { return (bits_ >> static_cast<unsigned>(flag) & 1) != 0; }

 private:
  std::uint32_t bits_ = 0;
};

struct Processor {
  Flags<Isa> levels;
  Flags<Capability> capabilities;
  Processor() {
    levels.set(Isa::scalar);
    capabilities.set(Capability::none);
  }
};

#if defined(__x86_64__)
bool bit(std::uint32_t word, unsigned index) { return (word >> index & 1) != 0; }

/// XCR0: which registers the operating system saves. Unlike _xgetbv() it needs no compiler flag.
std::uint64_t saved_state() {
  std::uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

/// Linux lets a process have the tile registers of AMX once it has asked for them.
bool tiles_granted() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
#else
  return false;
#endif
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
  const std::uint32_t subleaves = a, features = b, more = c, last = d;
  std::uint32_t extended = 0;
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) extended = a;

  const bool avx2 = bit(features, 5) && fma && f16c && popcnt;
  const bool avx512 = avx2 && (saved & kZmm) == kZmm && bit(features, 16) && bit(features, 17) &&
                      bit(features, 30) && bit(features, 31);  // F, DQ, BW, VL
  found.levels.set(Isa::avx2, avx2);
  found.levels.set(Isa::avx512, avx512);
  const bool bf16 = avx512 && bit(extended, 5), vnni = avx512 && bit(more, 11);
  found.capabilities.set(Capability::avx512_bf16, bf16);
  found.capabilities.set(Capability::avx512_vnni, vnni);
  constexpr std::uint64_t kTiles = 0x60000;  // their shapes and their contents
  const bool tiles = bf16 && vnni && (saved & kTiles) == kTiles && bit(last, 24) && tiles_granted();
  found.capabilities.set(Capability::amx_bf16, tiles && bit(last, 22));
  found.capabilities.set(Capability::amx_int8, tiles && bit(last, 25));
  found.capabilities.set(Capability::avx_vnni, avx2 && bit(extended, 4));
  return found;
}
#else
Processor detect() {
  Processor found;
#if defined(__aarch64__)
  found.levels.set(Isa::neon);          // Advanced SIMD is part of AArch64
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
  found.capabilities.set(Capability::dotprod, dotprod);
  found.capabilities.set(Capability::bf16, bf16);
#endif
  return found;
}
#endif

const Processor& processor() {
  static const Processor found = detect();
  return found;
}

struct Level {
  Isa isa;
  const char* name;
};
#define UNSUPERPOSE_NAMED(level, ...) {Isa::level, #level},
constexpr Level kLevels[] = {UNSUPERPOSE_ALL_LEVELS(UNSUPERPOSE_NAMED, )};
#undef UNSUPERPOSE_NAMED

struct NamedCapability {
  Capability capability;
  const char* name;
};
#define UNSUPERPOSE_NAMED(name) {Capability::name, #name},
constexpr NamedCapability kCapabilities[] = {UNSUPERPOSE_CAPABILITIES(UNSUPERPOSE_NAMED)};
#undef UNSUPERPOSE_NAMED

/// "scalar, avx2, avx512 or neon"
std::string level_names() {
  std::string names;
  for (const Level& level : kLevels) {
    const bool first = &level == std::begin(kLevels), last = &level + 1 == std::end(kLevels);
    names += std::string(first ? "" : last ? " or " : ", ") + level.name;
  }
  return names;
}

struct Choice {
  Isa isa;
  std::string error;
};

Choice choose() {
  Choice choice{supported_isas().back(), ""};
  const char* forced = std::getenv("UNSUPERPOSE_ISA");
  if (!forced || !*forced) return choice;
  for (const Level& level : kLevels) {
    if (std::strcmp(forced, level.name) != 0) continue;
    if (processor().levels.has(level.isa))
      choice.isa = level.isa;
    else
      choice.error = std::string("UNSUPERPOSE_ISA asks for ") + forced + ", which this machine does not have";
    return choice;
  }
  choice.error = "UNSUPERPOSE_ISA must be " + level_names() + ", got \"" + forced + "\"";
  return choice;
}

struct Without {
  Flags<Capability> unused;
  std::string error;
};

Without read_without() {
  Without read;
  const char* given = std::getenv("UNSUPERPOSE_WITHOUT");
  const std::string names = given ? given : "";
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = std::min(names.find(',', at), names.size());
    const std::string name = names.substr(at, end - at);
    at = end + 1;
    const NamedCapability* known = std::find_if(std::begin(kCapabilities), std::end(kCapabilities),
                                                [&](const auto& one) { return one.name == name; });
    if (known != std::end(kCapabilities)) {
      read.unused.set(known->capability);
      continue;
    }
    std::string all;
    for (const NamedCapability& one : kCapabilities) all += std::string(all.empty() ? "" : ", ") + one.name;
    read.error =
        "UNSUPERPOSE_WITHOUT must be a list of " + all + " with commas between them, got \"" + name + "\"";
    break;
  }
  return read;
}

const Without& without() {
  static const Without made = read_without();
  return made;
}

const Choice& choice() {
  static const Choice made = choose();
  return made;
}

}  // namespace

const char* isa_name(Isa isa) {
  for (const Level& level : kLevels)
    if (level.isa == isa) return level.name;
  return "unknown";
}

Isa active_isa() { return choice().isa; }

std::vector<Isa> supported_isas() {
  std::vector<Isa> supported;
  for (const Level& level : kLevels)
    if (processor().levels.has(level.isa)) supported.push_back(level.isa);
  return supported;
}

bool has(Capability capability) {
  return processor().capabilities.has(capability) && !without().unused.has(capability);
}

std::vector<std::string> capabilities() {
  std::vector<std::string> names;
  for (const NamedCapability& named : kCapabilities)
    if (has(named.capability)) names.emplace_back(named.name);
  return names;
}

std::string isa_error() { return choice().error.empty() ? without().error : choice().error; }

}  // namespace unsuperpose
