// LASSO by working sets on the device, the rounds of solvers/lasso.cpp: score → choose → Gram → descend → evaluate → certify. What every kernel
// reads and writes of a batch; one entry a sample in every array unless said.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../solvers/certificate.hpp"
#include "kernels.hpp"

namespace unsuperpose::cuda {

/// Atoms in a sample's working set, at most: a Gram matrix of that size fits in shared memory. What needs more ends on the CPU.
inline constexpr unsigned kSet = 128;
/// Of those, in a first choice whose solve is rough, at most.
inline constexpr unsigned kRoughSet = 64;
/// Atoms listed of a pass.
inline constexpr unsigned kListed = 1024;

enum class Stage : std::uint8_t { running, converged, unfinished };

/// What a sample's set is solved with: what there is of it, the atoms as int8 has them, or, after those, all made anew.
enum class Solve : std::uint8_t { kept, rough, anew };

/// Must a pass list all that may exceed λ, so that its list is a proof? `raised`: not now, and floors of lists that overflowed have been raised since the
/// last choice. `failed`: it had to, and the list overflowed in the best precision.
enum class Proof : std::uint8_t { where_short, raised, needed, failed };

struct Batch {
  // the problem
  const float* atoms;  // features x dims
  unsigned features, dims;
  const float* samples;  // x dims
  const double* lambda;
  Tiles tops, lows;       // the atoms in float16, and what that leaves
  Tiles bytes;            // in int8
  const double* weights;  // one a feature, or null for 1
  double ridge, tolerance;
  bool nonnegative;
  unsigned first_choice, max_rounds;
  bool may_be_rough;  // a first solve, rough_fits()
  // how far scores may be off
  double row_norm[2], row_moved[2], weight_scale;  // over the features, divided by weights; by precision
  // the state
  float* residual;      // x dims
  std::uint32_t* set;   // x kSet
  float* code;          // x kSet
  float* correlation;   // x kSet: of the set's atoms with the residual
  unsigned* size;       // of the set
  unsigned* with_gram;  // of the set's atoms, those whose Gram rows are there
  float* gram;          // x kSet x kSet
  std::uint8_t* solve;  // Solve, the last one or the next
  Evaluation* at;       // the sums of the code
  double* strongest;    // |d·r − βa| / w of the atoms whose codes are not zero
  double* gap;
  std::uint8_t* precision;  // of the next pass
  Stage* stage;
  unsigned* rounds;     // solves
  unsigned* stalled;    // of them, the last ones without a new atom
  float* share;         // a floor of what only chooses is that share of the residual's norm
  std::uint8_t* proof;  // Proof, of the next pass
  // of the samples that are being scored, by their place among `active`
  const std::uint32_t* active;
  unsigned count;
  const double* norms;
  const double* moved;
  float* floors;
  std::uint8_t* complete;               // does all that may exceed λ pass its floor?
  const UnsuperposeCudaEntry* entries;  // x kListed
  const unsigned* counts;
};

/// r = x, an empty set.
void start(const Batch& batch, unsigned samples, cudaStream_t stream);
/// floors of the active samples, which are scored in `precision`. `fresh`: for the first time, with thresholds for their first choice, or null.
void set_floors(const Batch& batch, int precision, bool fresh, const float* thresholds, cudaStream_t stream);
/// Certifies, or takes violators into the set. `chosen` counts the samples whose sets must be solved on.
void choose(const Batch& batch, int precision, cudaStream_t stream);
/// Do the rows of a first choice fit in shared memory, several samples' at a time?
bool rough_fits(unsigned first_choice, std::size_t dims, std::size_t shared_limit);
/// In place of the next three, of samples that are rough: codes, residuals and sums by the atoms as int8 has them.
void solve_roughly(const Batch& batch, cudaStream_t stream);
/// The Gram rows of new atoms, and their correlations, for sets of at most `largest`, in blocks that have `shared_limit` bytes of shared memory.
void complete_gram(const Batch& batch, unsigned largest, std::size_t shared_limit, cudaStream_t stream);
/// Minimises over the codes of the sets, of which the largest has so many atoms.
void descend(const Batch& batch, unsigned largest, cudaStream_t stream);
/// Residuals and sums, and the exact correlations of atoms whose codes are not zero.
void evaluate(const Batch& batch, cudaStream_t stream);
/// Of each sample in place of its set and code: the entries that are not zero, ascending; how many, and the figures of its answer.
void deliver(const Batch& batch, unsigned samples, unsigned* counts, double* objective,
             double* squared_residual, cudaStream_t stream);

}  // namespace unsuperpose::cuda
