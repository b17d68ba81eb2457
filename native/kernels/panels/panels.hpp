// Products of a weight matrix with panels of samples (panel.hpp), for models x̂ = relu(h·Wᵀ + b) with h = x·W, such as toy models
// of superposition (Elhage et al. 2022). W is features × dims, row-major.
//   encode   h[k,s] = Σ_i W[i,k]·x[i,s]      dense, or over the entries that are not zero
//   decode   y = W·h + b, e = relu(y) − x, and the loss's derivative by y
//   backward dh = encode(g) and dW[i,k] += Σ_s g[i,s]·h[k,s] + x[i,s]·dh[k,s]
// A panel of 200 features is 25 KiB and stays in L1 and L2 through all of them.
//
// Accuracy: sums are float32, chains of fused multiply-adds (scalar level: two roundings each), over dims in decode and multiply,
// over features in encode, over the samples of a call in outer. A sum of n products is off by at most
// product::error_bound(2n)·Σ|a_i b_i|.
//
// What is left to gain, for a register of samples times a weight. Least: by the units that bench/kernels.cpp measures (two multiply-adds, two
// loads, one store, six instructions a cycle). AMD EPYC (Zen 3), one thread, 60 features and 20 dims, 2026-11-26, others at work: the median
// of seven runs of build/bench_kernels.
//
//   avx2       the inner loop, for how many registers                              least    cycles
//   encode     10 vfmadd, 5 broadcasts, 2 loads of 22 instructions, for 10          .50      .54    93 % of the peak
//   multiply   the same                                                             .50      .60    83 %
//   decode     the same, and 15 instructions a register of y: relu, error, sums     .50      .69    72 %
//   outer      40 vfmadd, 48 loads of 66, for 40                                    .60      .71    85 % (8 panels, from L2)
//   avx512     encode 20 vfmadd of 37, for 20; outer 40 of 65, for 40; not measured
//
//   neon       (GCC 12, disassembled)                         multiply-adds  loads             cycles with
//                                                             an instruction a multiply-add    4 pipes / 2 pipes
//   encode     20 fmla, 7 loads of 31, for 20 (decode alike)  2.6            .35               5 / 10
//   outer      20 fmla, 9 loads of 33, for 20                 2.4            .45               5 / 10
// Four pipes as in Apple's M processors and Graviton 3, two as in Graviton 2; none has been timed.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../dispatch.hpp"
#include "panel.hpp"

namespace unsuperpose::panels {

struct Decoder {
  const float* packed;  // pack() of W
  const float* bias;
  const float* weight;  // of a sample's error: importance·2/batch
  std::size_t features, dims;
  bool relu;
};

/// A pair of matrices to be multiplied over samples: `panels` panels of v (features × kPanel) and of u (dims × kPanel).
struct Pair {
  const float* v;
  const float* u;
};

struct Table {
  /// Writes the places i·kPanel + s of the bits set, ascending; returns how many. `places` has room for features·kPanel + kPanel.
  std::size_t (*places)(const std::uint32_t* active, std::size_t features, std::uint32_t* places);

  /// out[k][s] = Σ_i W[i,k]·v[i,s]
  void (*encode)(const float* weights, std::size_t features, std::size_t dims, const float* v, float* out);
  /// The same over the given places of v. `rows` is scratch of kPanel × row_stride(dims).
  void (*encode_places)(const float* weights, std::size_t dims, const float* v, const std::uint32_t* places,
                        std::size_t count, float* rows, float* out);

  /// W for decode and multiply, in packed_size(features, dims) floats. The layout is the level's.
  void (*pack)(const float* weights, std::size_t features, std::size_t dims, float* packed);
  /// y = W·hidden + b, e = relu(y) − x (y − x without relu): g = weight·e where y > 0 (everywhere without relu), else 0.
  /// bias_sums[i·lanes + lane] += g, as many lanes as the level has (at most kMostLanes); returns Σ weight·e²/2.
  float (*decode)(const Decoder& decoder, const float* x, const float* hidden, float* g, float* bias_sums);
  /// out[i][s] = Σ_k W[i,k]·v[k,s], from packed weights
  void (*multiply)(const float* packed, std::size_t features, std::size_t dims, const float* v, float* out);
  /// out[i] += the sum of the lanes of decode's bias_sums of feature i
  void (*fold_lanes)(const float* sums, std::size_t features, float* out);

  /// dW[i,k] += Σ over pairs, panels and samples of v[i,s]·u[k,s], where dW is kept as tiles, in tiles_size(features, dims)
  /// floats: scattering a tile's few sums would cost a tenth of making them.
  void (*outer)(const Pair* pairs, std::size_t count, std::size_t panels, std::size_t features,
                std::size_t dims, float* tiles);
  /// gradient (features × dims) += the tiles
  void (*add_tiles)(const float* tiles, std::size_t features, std::size_t dims, float* gradient);
  /// The same for one panel and the given places of v, into rows of row_stride(dims), of which what lies beyond dims is
  /// scratch: whole registers are stored, as a masked store delays the load that follows. `rows` as in encode_places.
  void (*outer_places)(const float* v, const std::uint32_t* places, std::size_t count, const float* u,
                       std::size_t dims, float* rows, float* gradient);

  /// dh += amount·sign(h), dims × kPanel (sign(0) = 0); returns amount·Σ|h|
  float (*add_signs)(const float* hidden, std::size_t dims, float amount, float* gradient);
};

/// floats between the rows of `rows`: whole registers of the widest level
inline constexpr std::size_t row_stride(std::size_t dims) { return (dims + 15) / 16 * 16; }
/// the widest level's lanes: bias_sums has features times as many
inline constexpr std::size_t kMostLanes = 16;
/// room for rows up to a whole tile of any level
inline constexpr std::size_t packed_size(std::size_t features, std::size_t dims) {
  return (features + 16) * dims;
}
/// floats of the largest tile of any level's `outer`, and room for all tiles: at most features·dims of them
inline constexpr std::size_t kMostTile = 20;
inline constexpr std::size_t tiles_size(std::size_t features, std::size_t dims) {
  return (features / 2 + 4) * (dims / 5 + 1) * kMostTile;
}

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::panels
