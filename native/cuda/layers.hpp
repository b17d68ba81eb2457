// Layers of an unrolled network on a device (abi.h: UnsuperposeCudaLayers; learning/lista_network.cpp is the same on the CPU), and every launch
// that they take. One entry a sample in every array unless said.
#pragma once
#include <vector>

#include "rows.hpp"

namespace unsuperpose::cuda {

/// Codes of a batch, `capacity` entries a sample, ascending by feature.
struct LayerCodes {
  std::uint32_t* index;
  float* value;
  unsigned* size;
};

struct LayerBatch {
  const float* atoms;  // features x dims
  unsigned features, dims, count;
  const float* samples;  // x dims
  float* residual;       // x dims: step · r
  std::uint8_t* failed;  // 1: the device does not finish it
  unsigned capacity;
  LayerCodes before, after;
  // of the layer
  const float* weights;  // features x dims
  float step, threshold, adaptive;
  std::uint64_t most;
  bool nonnegative, first;
  // how far scores may be off
  double row_norm, row_moved;
  const double* norms;
  const double* moved;
  float* floors;
  UnsuperposeCudaEntry* entries;  // x capacity, as they were listed
  unsigned* counts;
  const UnsuperposeCudaEntry* candidates;  // x capacity, by feature; a feature may come twice
};

/// r = x − a D in float64, then step · r, as float32 has it.
void layer_residuals(const LayerBatch& batch, cudaStream_t stream);
/// What cannot come from below the threshold is not listed.
void layer_floors(const LayerBatch& batch, cudaStream_t stream);
/// The features of the codes before, behind what was listed.
void layer_append(const LayerBatch& batch, cudaStream_t stream);
/// z of every candidate, exact but for its roundings to float32, and the codes after.
void layer_shrink(const LayerBatch& batch, cudaStream_t stream);
/// out[offsets[i] …]: the codes of sample i.
void pack_codes(const LayerCodes& codes, unsigned count, unsigned capacity, const std::uint64_t* offsets,
                UnsuperposeCudaEntry* out, cudaStream_t stream);

void run_layers(Rows& atoms, const std::vector<Rows*>& weights, const UnsuperposeCudaLayers& network);

}  // namespace unsuperpose::cuda
