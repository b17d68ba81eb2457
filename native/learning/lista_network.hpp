// Layers on a block of samples: what unfolding and training share. All in the network's own units: x' and codes of unit atoms.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/view.hpp"
#include "../kernels/product/product.hpp"
#include "lista.hpp"

// Support selection in whole entries: of a sample at most K = ⌊p·features/100⌋ are selected (p taken as float32 rounds it, so that exact
// multiples count whole). Strength is |z|, with nonnegative z itself. An entry is selected if its strength is above its threshold and above the
// (K + 1)-th largest strength of all entries of the sample, both strictly: of entries that tie there none is selected.

namespace unsuperpose::lista {

/// Codes of some samples, row after row; features ascend in a row.
struct Codes {
  std::vector<std::uint32_t> begin;  // samples + 1
  std::vector<std::uint32_t> index;
  std::vector<float> value;
  std::vector<std::uint8_t> kept;  // 1: selected, so it did not shrink

  std::size_t samples() const { return begin.empty() ? 0 : begin.size() - 1; }
  std::size_t count(std::size_t i) const { return begin[i + 1] - begin[i]; }
};

/// What a layer's gradients are made of, where they are wanted.
struct Trace {
  std::vector<Codes> codes;         // after each layer: codes[k], k < layers; before the first they are zero
  std::vector<Matrix32> residuals;  // where r after the first layers goes, as many as there are
};

/// The weights as layers read them: made ready once, and again for rows that training changed.
struct Network {
  ListaParameters at;  // the parameters; training changes forward, recurrent, step, threshold in place
  AlignedBuffer<float> atoms;  // unit atoms, features × stride
  std::size_t stride = 0;
  std::vector<double> norms;                // of the atoms as given
  std::vector<double> leverage;             // d̂_jᵀ S d̂_j; hyper only
  std::vector<std::uint32_t> zeros;         // atoms that are zero: never used
  std::vector<product::PackedRows> packed;  // of forward, one a matrix

  ConstMatrix32 dictionary() const { return {atoms.data(), at.features, at.dims, stride}; }
  const product::PackedRows& weights(std::size_t layer) const {
    return packed[packed.size() == 1 ? 0 : layer];
  }
};

/// K: at most so many entries of a sample are selected.
std::size_t most_selected(float percent, std::size_t features);
/// θ of an entry whose code before the layer is a.
inline float threshold_of(float threshold, float adaptive, float a) {
  return adaptive > 0 ? threshold / (1 + std::fabs(a) / adaptive) : threshold;
}

/// Norms, unit atoms, packed weights. ERR_SHAPE where sizes do not fit, ERR_NOT_FINITE naming the tensor.
Status make_network(ListaParameters parameters, const Execution& execution, Network& out);
/// Samples of a block, fixed by the network's sizes alone.
std::size_t block_rows(const Network& network);

/// Layers 0 … `layers` − 1 on x' (rows of a block, `scale` already in it). The last layer's codes, and those of all layers where `trace` is
/// given. On this thread alone. Answers the first row that overflows float32, x.rows where none does; codes of such rows are zero, and
/// `overflows`, where it is given, has 1 for each of them, else 0. γ_k is multiplied into r before the product.
std::size_t run_layers(const Network& network, ConstMatrix32 x, std::size_t layers, Codes& out, Trace* trace,
                       std::vector<std::uint8_t>* overflows = nullptr);

/// Goes through the entries of a block of samples in blocks of features, few enough that their rows of `stride` floats stay in the first-level
/// cache from one sample to the next: body(sample, first entry, entries). Each sample's entries come in ascending order.
template <class Body>
void by_features(const Codes& codes, std::size_t features, std::size_t stride, const Body& body) {
  constexpr std::size_t kBytes = 1 << 15;
  const std::size_t together = std::max<std::size_t>(8, kBytes / (stride * sizeof(float)));
  std::vector<std::uint32_t> next(codes.begin.begin(), codes.begin.end());
  for (std::size_t end = together; end < features + together; end += together)
    for (std::size_t i = 0; i < codes.samples(); ++i) {
      const std::uint32_t first = next[i];
      std::uint32_t e = first;
      while (e < codes.begin[i + 1] && codes.index[e] < end) ++e;
      if (e > first) body(i, first, e - first);
      next[i] = e;
    }
}

/// r = x' − aD̂ for each sample of a block, in float32. Rows of `out` as long as the network's are padded with zeros already.
void residuals(const Network& network, ConstMatrix32 x, const Codes& codes, Matrix32 out);

/// leverage_j = d̂_jᵀ S d̂_j, and w_j (features × dims) where `weights` is given: analytic_weights().
Status analytic(ConstMatrix32 dictionary, const std::vector<double>& norms, double ridge,
                const Execution& execution, std::vector<double>& leverage, std::vector<float>* weights);

}  // namespace unsuperpose::lista
