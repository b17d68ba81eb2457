// Seeded random numbers, the same on every platform: xoshiro256++ (Blackman & Vigna 2019) seeded by
// splitmix64. No std:: distributions: their results differ between standard libraries.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace unsuperpose {

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15ULL;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      word = z ^ (z >> 31);
    }
  }

  /// All there is of it, for a run that goes on later.
  static constexpr std::size_t kWords = 4;
  const std::uint64_t* words() const { return state_; }
  void restore(const std::uint64_t* words) {
    for (auto& word : state_) word = *words++;
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// uniform on [0, 1), 53 bits
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// uniform on {0, …, bound − 1}, without bias (Lemire 2019); bound > 0
  std::uint64_t below(std::uint64_t bound) {
    Wide product = static_cast<Wide>(next()) * bound;
    if (static_cast<std::uint64_t>(product) < bound) {
      const std::uint64_t threshold = (0 - bound) % bound;
      while (static_cast<std::uint64_t>(product) < threshold) product = static_cast<Wide>(next()) * bound;
    }
    return static_cast<std::uint64_t>(product >> 64);
  }

  /// standard normal, Marsaglia's polar method; logf, because the double-precision log would raise
  /// the glibc floor to 2.29. Its 24 bits are what a float32 atom can hold anyway.
  double normal() {
    for (;;) {
      const double u = 2 * uniform() - 1, v = 2 * uniform() - 1, s = u * u + v * v;
      if (s > 0 && s < 1) return u * std::sqrt(-2.0 * static_cast<double>(logf(static_cast<float>(s))) / s);
    }
  }

  template <class T>
  void shuffle(T* items, std::size_t count) {
    for (std::size_t i = count; i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  std::uint64_t state_[kWords];
};

}  // namespace unsuperpose
