// Orthogonal matching pursuit on the device, the rounds of solvers/omp.cpp: score → pick → append, for all samples of a batch at once. What every
// kernel reads and writes; one entry a sample in every array unless said.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace unsuperpose::cuda {

/// Atoms of a support, at most. What needs more ends on the CPU.
inline constexpr unsigned kMostSupport = 128;
/// Entries of a list of a pass, at most.
inline constexpr unsigned kMostPicked = 2048;
/// In place of an atom: none was picked.
inline constexpr std::uint32_t kNoAtom = ~std::uint32_t{0};

/// How a sample goes on. `again`: on the CPU, from the beginning; `unfinished`: there, from its support.
enum class Pursued : std::uint8_t { running, converged, iterations, stalled, unfinished, again };

/// What the floor of a sample's next pass is: a guess; so low that nothing above M − 2 · bound is lost; raised, because too many passed.
enum class Floor : std::uint8_t { guessed, certain, raised };

/// What a support has of float64 numbers, one an atom: arrays of `room` entries.
enum Column : unsigned { kInverse, kForward, kTarget, kSolution, kFeasible, kNorm, kColumns };

struct Pursuit {
  // the problem
  const float* atoms;  // features x dims
  unsigned features, dims;
  const float* samples;       // x dims
  const double* enough;       // ‖x − aD‖ that ends a sample
  const std::uint32_t* most;  // atoms
  bool nonnegative;
  bool all_explained;  // no residual was asked for: what correlates with nothing has converged
  // how far scores may be off
  double row_norm[2], row_moved[2];  // over the features; by precision
  // the state
  unsigned room;             // atoms that a support has room for
  double* residual;          // x dims
  float* rounded;            // x dims: the same in float32, which is scored
  std::uint32_t* support;    // x room, in the order of the choices
  double* factor;            // x room (room + 1) / 2: the lower triangle L of G = L Lᵀ, row after row
  double* gram;              // the same of G; nonnegative only
  double* columns;           // x kColumns x room
  float* code;               // x room: the answer
  double* squared_input;     // ‖x‖²
  double* left;              // ‖residual‖
  double* parts;             // ‖x‖ + Σ|a_k|‖d_k‖
  double* squared_residual;  // of the answer
  float* floor;              // of the next pass, or below 0: from a sample of the atoms
  Floor* look;               // what that is
  std::uint32_t* tries;      // passes without a choice
  std::uint32_t* choice;     // of this round, or kNoAtom
  unsigned* size;            // of the support
  unsigned* choices;
  Pursued* stage;
  std::uint8_t* precision;  // of the next pass
  // of the samples that are being scored, by their place among `active`
  const std::uint32_t* active;
  unsigned count, capacity;
  const double* norms;
  const double* moved;
  float* floors;
  const UnsuperposeCudaEntry* entries;  // x capacity
  const unsigned* counts;
};

/// r = x, an empty support.
void start(const Pursuit& pursuit, unsigned samples, cudaStream_t stream);
/// floors of the active samples, from `thresholds` (or 0 where null) where there is none yet.
void set_floors(const Pursuit& pursuit, const float* thresholds, cudaStream_t stream);
/// The atom that is chosen next, as float64 ranks those that the scores leave open; or a closer look, or the sample's end.
void pick(const Pursuit& pursuit, int precision, cudaStream_t stream);
/// Takes what was picked into the supports, solves there, and brings the residuals up to date.
void append(const Pursuit& pursuit, cudaStream_t stream);
/// Codes in float32, and their residuals, of the first `samples` samples.
void answer(const Pursuit& pursuit, unsigned samples, cudaStream_t stream);

}  // namespace unsuperpose::cuda
