// Layers of unrolled networks on a device, each against float64 from the device's own codes of the layer before: values within rounding, an entry
// there or not as its threshold says but for rounding, selection by counting, ties among equal rows alike; the same bits every time; what the device
// does not finish is what it may leave. Runs on the emulation, and on a GPU (npm run gpu-check).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <vector>

#include "table.hpp"

namespace {

struct Problem {
  std::size_t samples, features, dims, layers;
  bool nonnegative = false, per_layer = false;
  float adaptive = 0;
  double selection = 0;  // share of the features
  float threshold = 0.3f, step = 0.9f;
  std::uint32_t capacity = 512;
  unsigned seed = 1;
};

using Code = std::vector<UnsuperposeCudaEntry>;
struct Answer {
  std::vector<Code> codes;
  std::vector<std::uint8_t> left;
};

struct Network {
  UnsuperposeCudaRows* atoms;
  std::vector<UnsuperposeCudaLayer> layers;
};

Answer run(const Problem& p, const Network& network, const std::vector<float>& samples, std::size_t layers) {
  Answer answer{std::vector<Code>(p.samples), std::vector<std::uint8_t>(p.samples, 2)};
  UnsuperposeCudaLayers asked{};
  asked.samples = {samples.data(), p.dims, p.samples, p.dims, nullptr};
  asked.layers = network.layers.data();
  asked.count = static_cast<std::uint32_t>(layers);
  asked.nonnegative = p.nonnegative;
  asked.adaptive = p.adaptive;
  asked.capacity = p.capacity;
  asked.take = [](void* context, std::uint64_t sample, const UnsuperposeCudaEntry* code,
                  std::uint32_t count) {
    Answer& to = *static_cast<Answer*>(context);
    to.left[sample] = code ? 0 : 1;
    if (code) to.codes[sample].assign(code, code + count);
  };
  asked.context = &answer;
  UnsuperposeCudaError error;
  require(table.unroll(network.atoms, &asked, &error), error);
  return answer;
}

bool same(const Answer& a, const Answer& b) {
  if (a.left != b.left) return false;
  for (std::size_t i = 0; i < a.codes.size(); ++i) {
    if (a.codes[i].size() != b.codes[i].size()) return false;
    for (std::size_t e = 0; e < a.codes[i].size(); ++e)
      if (a.codes[i][e].index != b.codes[i][e].index || a.codes[i][e].value != b.codes[i][e].value)
        return false;
  }
  return true;
}

/// Whether the device may leave a sample, and whether it has to, by the scores γ⟨w_j, r⟩ in float64 and the size of its code so far. Every score above
/// the threshold is listed, and of the others those within the bound of float16's error: both factors are rounded to 2⁻¹¹ of their norms.
struct Leaving {
  bool may, must;
};
Leaving leaving(const Problem& p, const std::vector<double>& scores, std::size_t size, double threshold,
                double norms) {
  const double error = 4 * 0x1p-11 * norms;
  std::size_t least = size, most = size;
  for (const double score : scores) {
    const double strength = p.nonnegative ? score : std::fabs(score);
    if (strength > threshold) ++least;
    if (strength > threshold * 0.999 - error) ++most;
  }
  const bool nothing_known = error >= threshold;
  return {nothing_known || most > p.capacity, least > p.capacity};
}

/// Answers how many samples the device left.
std::size_t test(const Problem& p) {
  std::mt19937 random(p.seed);
  std::normal_distribution<float> normal;
  const std::size_t size = p.features * p.dims;
  std::vector<float> atoms(size), samples(p.samples * p.dims);
  const auto unit = [&](float* row) {
    double squared = 0;
    for (std::size_t k = 0; k < p.dims; ++k) {
      row[k] = normal(random);
      squared += static_cast<double>(row[k]) * static_cast<double>(row[k]);
    }
    for (std::size_t k = 0; k < p.dims; ++k) row[k] /= static_cast<float>(std::sqrt(squared));
  };
  for (std::size_t j = 0; j < p.features; ++j) unit(atoms.data() + j * p.dims);
  // Equal atoms, a zero one.
  for (const std::size_t j : {std::size_t{9}, std::size_t{17}})
    if (j < p.features) std::copy_n(atoms.data() + 3 * p.dims, p.dims, atoms.data() + j * p.dims);
  if (p.features > 6) std::fill_n(atoms.data() + 6 * p.dims, p.dims, 0.0f);
  std::vector<std::vector<float>> weights(p.per_layer ? p.layers : 1, atoms);
  for (std::size_t k = 0; k < weights.size(); ++k)
    for (std::size_t at = 0; at < size; ++at)
      weights[k][at] *= 1 + 0.05f * static_cast<float>(k) * static_cast<float>(at / p.dims % 3);
  for (std::size_t i = 0; i < p.samples; ++i) {
    float* x = samples.data() + i * p.dims;
    for (std::size_t a = 0; a < 3; ++a) {
      const std::size_t j = i % 4 == 0 && a == 0 ? 3 % p.features : random() % p.features;
      const float c = p.nonnegative ? std::fabs(normal(random)) + 0.5f : normal(random);
      for (std::size_t k = 0; k < p.dims; ++k) x[k] += c * atoms[j * p.dims + k];
    }
    for (std::size_t k = 0; k < p.dims; ++k) {
      x[k] += 0.02f * normal(random);
      if (i == 1) x[k] = 0;
      if (i == 2) x[k] *= 1e-30f;
      if (i == 3) x[k] *= 1e30f;
    }
  }
  UnsuperposeCudaError error;
  const UnsuperposeCudaMatrix from{atoms.data(), p.dims, p.features, p.dims, nullptr};
  Network network{};
  require(table.upload(0, &from, &network.atoms, &error), error);
  std::vector<UnsuperposeCudaRows*> sides(weights.size());
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const UnsuperposeCudaMatrix side{weights[k].data(), p.dims, p.features, p.dims, nullptr};
    require(table.upload(0, &side, &sides[k], &error), error);
  }
  const auto most = static_cast<std::uint64_t>(p.selection * static_cast<double>(p.features));
  for (std::size_t k = 0; k < p.layers; ++k)
    network.layers.push_back({sides[p.per_layer ? k : 0], k == 0 ? 1.0f : p.step,
                              p.threshold / (1 + 0.3f * static_cast<float>(k)), most});

  Answer before;
  std::size_t left = 0;
  for (std::size_t k = 0; k < p.layers; ++k) {
    const Answer now = run(p, network, samples, k + 1);
    if (k == 0 || k + 1 == p.layers) EXPECT(same(now, run(p, network, samples, k + 1)));
    const UnsuperposeCudaLayer& layer = network.layers[k];
    const std::vector<float>& w = weights[p.per_layer ? k : 0];
    for (std::size_t i = 0; i < p.samples; ++i) {
      EXPECT(now.left[i] < 2);
      if (i == 3 || (k > 0 && before.left[i])) {  // out of range; left by an earlier layer
        EXPECT(now.left[i] == 1);
        continue;
      }
      const float* x = samples.data() + i * p.dims;
      std::vector<double> residual(x, x + p.dims), a(p.features);
      double sizes = 0;
      for (std::size_t d = 0; d < p.dims; ++d) sizes += residual[d] * residual[d];
      sizes = std::sqrt(sizes);
      if (k > 0)
        for (const UnsuperposeCudaEntry& entry : before.codes[i]) {
          a[entry.index] = static_cast<double>(entry.value);
          sizes += std::fabs(a[entry.index]);
          for (std::size_t d = 0; d < p.dims; ++d)
            residual[d] -= a[entry.index] * static_cast<double>(atoms[entry.index * p.dims + d]);
        }
      // What roundings to float32 of r, γr, the product, z and the code can do; weights have norms below 1.2.
      const double slack = 0x1p-22 * (1.2 * static_cast<double>(layer.step) * sizes);
      std::vector<double> z(p.features), thresholds(p.features, static_cast<double>(layer.threshold)), strong,
          scores;
      for (std::size_t j = 0; j < p.features; ++j) {
        double product = 0;
        for (std::size_t d = 0; d < p.dims; ++d)
          product += residual[d] * static_cast<double>(w[j * p.dims + d]);
        scores.push_back(static_cast<double>(layer.step) * product);
        z[j] = a[j] + scores.back();
        if (p.adaptive > 0 && k > 0) thresholds[j] /= 1 + std::fabs(a[j]) / static_cast<double>(p.adaptive);
        const double strength = p.nonnegative ? z[j] : std::fabs(z[j]);
        strong.push_back(strength);
      }
      double squared = 0;
      for (const double r : residual) squared += r * r;
      const Leaving leave =
          leaving(p, scores, k > 0 ? before.codes[i].size() : 0, static_cast<double>(layer.threshold),
                  1.2 * static_cast<double>(layer.step) * std::sqrt(squared));
      EXPECT(now.left[i] ? leave.may : !leave.must);
      if (now.left[i]) continue;
      const auto strength = [&](std::size_t j) { return p.nonnegative ? z[j] : std::fabs(z[j]); };
      std::sort(strong.begin(), strong.end(), std::greater<double>());
      const double limit = most == 0 ? INFINITY : most >= p.features ? -1 : strong[most];
      std::vector<std::uint8_t> there(p.features);
      std::map<std::uint32_t, float> values;
      for (std::size_t e = 0; e < now.codes[i].size(); ++e) {
        const UnsuperposeCudaEntry& entry = now.codes[i][e];
        EXPECT(e == 0 || now.codes[i][e - 1].index < entry.index);
        const std::size_t j = entry.index;
        there[j] = 1;
        values[entry.index] = entry.value;
        const double off = slack + 0x1p-22 * std::fabs(z[j]);
        EXPECT(strength(j) > thresholds[j] - off);
        const double shrunk = z[j] - std::copysign(thresholds[j], z[j]),
                     value = static_cast<double>(entry.value);
        const bool as_shrunk = std::fabs(value - shrunk) <= off, as_kept = std::fabs(value - z[j]) <= off;
        if (strength(j) > limit + 2 * off)
          EXPECT(as_kept);
        else if (strength(j) < limit - 2 * off)
          EXPECT(as_shrunk);
        else
          EXPECT(as_kept || as_shrunk);
      }
      for (std::size_t j = 0; j < p.features; ++j)
        if (!there[j]) EXPECT(strength(j) <= thresholds[j] + slack + 0x1p-22 * std::fabs(z[j]));
      if (i == 1 || i == 2) EXPECT(now.codes[i].empty());
      EXPECT(p.features <= 6 || !there[6]);
      // Equal rows, equal codes before: equal codes after.
      if (p.features > 17 && k == 0)
        EXPECT(there[3] == there[9] && there[3] == there[17] && values[3] == values[9]);
    }
    left = static_cast<std::size_t>(std::count(now.left.begin(), now.left.end(), 1));
    before = now;
  }
  for (UnsuperposeCudaRows* side : sides) table.release(side);
  table.release(network.atoms);
  return left;
}

}  // namespace

int main(int argc, char**) {
  // Only the sample that is out of range is left.
  const auto all = [](const Problem& p) { EXPECT(test(p) == (p.samples > 3 ? 1 : 0)); };
  all({.samples = 1, .features = 1, .dims = 1, .layers = 2});
  for (const bool nonnegative : {false, true}) {
    all({.samples = 9, .features = 40, .dims = 24, .layers = 3, .nonnegative = nonnegative, .seed = 2});
    all({.samples = 9,
         .features = 300,
         .dims = 65,
         .layers = 3,
         .nonnegative = nonnegative,
         .per_layer = true,
         .selection = 0.02,
         .capacity = 1024,
         .seed = 3});
    all({.samples = 6,
         .features = 130,
         .dims = 33,
         .layers = 4,
         .nonnegative = nonnegative,
         .adaptive = 0.1f,
         .seed = 4});
    all({.samples = 6,
         .features = 130,
         .dims = 33,
         .layers = 2,
         .nonnegative = nonnegative,
         .selection = 1,
         .seed = 5});
  }
  // A list that is longer than there is room; a threshold within the bound of a score's error.
  EXPECT(test({.samples = 6, .features = 300, .dims = 24, .layers = 1, .threshold = 0.05f, .capacity = 32}) >
         1);
  EXPECT(test({.samples = 6, .features = 60, .dims = 24, .layers = 1, .threshold = 1e-5f}) > 1);
  EXPECT(test({.samples = 6, .features = 60, .dims = 24, .layers = 1, .threshold = 0}) == 6);
  // Steps as large as this make some samples' codes grow from layer to layer until their lists have no room.
  const std::size_t grown = test({.samples = 40,
                                  .features = 1200,
                                  .dims = 64,
                                  .layers = 4,
                                  .selection = 0.012,
                                  .capacity = 280,
                                  .seed = 8});
  EXPECT(grown > 1 && grown < 40);
  if (argc > 1) {  // on a GPU
    test({.samples = 300,
          .features = 9000,
          .dims = 512,
          .layers = 4,
          .selection = 0.012,
          .capacity = 2048,
          .seed = 6});
    all({.samples = 200,
         .features = 4000,
         .dims = 1024,
         .layers = 4,
         .nonnegative = true,
         .per_layer = true,
         .threshold = 0.5f,
         .step = 0.7f,
         .capacity = 2048,
         .seed = 7});
  }
  return ended();
}
