// Samples of a prior over codes: each a hash of the seed, the batch's number and its own, so that any thread can draw any of them.
#include <algorithm>
#include <cmath>

#include "../core/random.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "lista_learner.hpp"

namespace unsuperpose {

namespace {

/// Samples of one unit of work.
constexpr std::size_t kTogether = 16;

/// Random adds splitmix64's constant to its seed: seeds, batches and samples are apart by others.
std::uint64_t key_of(std::uint64_t seed, std::uint64_t number, std::uint64_t sample) {
  const std::uint64_t batch = Random(Random(seed).next() + number * 0xd1342543de82ef95ULL).next();
  return batch + sample * 0xaf251af3b0f025b5ULL;
}

/// Two independent N(0, 1) at once (Marsaglia's polar method, as Random::normal has it).
struct Normals {
  Random& random;
  double other = 0;
  bool has_other = false;

  double next() {
    if (has_other) {
      has_other = false;
      return other;
    }
    for (;;) {
      const double u = 2 * random.uniform() - 1, v = 2 * random.uniform() - 1, s = u * u + v * v;
      if (!(s > 0 && s < 1)) continue;
      const double factor = std::sqrt(-2.0 * static_cast<double>(logf(static_cast<float>(s))) / s);
      other = v * factor;
      has_other = true;
      return u * factor;
    }
  }
};

float magnitude(PriorValues values, Random& random, Normals& normals) {
  switch (values) {
    case PriorValues::normal: return static_cast<float>(normals.next());
    case PriorValues::uniform: return static_cast<float>(0.5 + random.uniform());
    // 1 − u is above 0, and not rounded to it.
    case PriorValues::exponential:
      return -logf(static_cast<float>(std::max(1 - random.uniform(), 0x1.0p-53)));
    case PriorValues::one: return 1;
  }
  return 1;
}

}  // namespace

void draw_samples(const ListaPrior& prior, bool nonnegative, ConstMatrix32 dictionary, std::uint64_t seed,
                  std::uint64_t number, std::size_t rows, const Execution& execution, std::vector<float>& x,
                  SparseCodes& codes) {
  const std::size_t features = dictionary.rows, dims = dictionary.cols;
  x = sized_vector<float>(rows * dims);
  struct Part {
    std::vector<std::uint32_t> counts, indices;
    std::vector<float> values;
  };
  std::vector<Part> parts((rows + kTogether - 1) / kTogether);
  // A whole number below density·2⁵³ makes a feature active.
  const auto below = static_cast<std::uint64_t>(prior.density * 0x1.0p53);
  const bool signs = prior.random_signs && prior.values != PriorValues::normal && !nonnegative;
  const double noise = std::isinf(prior.snr) && prior.snr > 0
                           ? 0
                           : static_cast<double>(powf(10, static_cast<float>(-prior.snr / 20)));
  execution.for_each(parts.size(), [&](std::size_t block) {
    Part& part = parts[block];
    const std::size_t end = std::min(rows, (block + 1) * kTogether);
    for (std::size_t i = block * kTogether; i < end; ++i) {
      Random random(key_of(seed, number, i));
      Normals normals{random};
      const std::size_t first = part.indices.size();
      for (std::uint32_t j = 0; j < features; ++j) {
        if (random.next() >> 11 >= below) continue;
        float value = magnitude(prior.values, random, normals);
        if (nonnegative) value = std::fabs(value);
        if (signs && random.next() >> 63 != 0) value = -value;
        if (value == 0) continue;
        part.indices.push_back(j);
        part.values.push_back(value);
      }
      const std::size_t count = part.indices.size() - first;
      part.counts.push_back(static_cast<std::uint32_t>(count));
      float* row = x.data() + i * dims;
      // Σ (−a_j)d_j is subtracted from nothing.
      std::vector<float> factors(part.values.begin() + static_cast<std::ptrdiff_t>(first), part.values.end());
      for (float& factor : factors) factor = -factor;
      const double energy =
          sparse_rows::table().residual(nullptr, part.indices.data() + first, factors.data(), count,
                                        dictionary.data, dictionary.stride, dims, row);
      if (!(noise > 0)) continue;
      const double deviation = noise * std::sqrt(energy / static_cast<double>(dims));
      for (std::size_t d = 0; d < dims; ++d)
        row[d] = static_cast<float>(static_cast<double>(row[d]) + deviation * normals.next());
    }
  });
  codes = {};
  codes.indptr.assign(1, 0);
  for (const Part& part : parts) {
    for (const std::uint32_t count : part.counts) codes.indptr.push_back(codes.indptr.back() + count);
    codes.indices.insert(codes.indices.end(), part.indices.begin(), part.indices.end());
    codes.values.insert(codes.values.end(), part.values.begin(), part.values.end());
  }
}

}  // namespace unsuperpose
