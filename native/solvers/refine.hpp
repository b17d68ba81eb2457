// What a method in float32 could not bring within its tolerance is brought there in float64, from the code that it left.
#pragma once
#include "exact_problem.hpp"

namespace unsuperpose {

struct Refined {
  Code64 code;
  double objective;  // P of the code as it is answered
  double dual;       // the best lower bound of min P that was met
};

/// Lets P fall from `start`, an active set at a time, until the gap is at most `tolerance` or nothing is gained any more: Newton
/// steps on the atoms in use, up to the first that changes its sign, and coordinate descent that lets atoms in and out
/// (feature-sign search: Lee, Battle, Raina & Ng 2007). With `float32`, the code is the rounded one, and P and the gap are its own; the
/// lower bound comes from the code before rounding.
Refined refine(const ExactProblem& problem, const Code64& start, double tolerance, bool float32,
               const Execution& execution);

/// The code as float32 holds it: what lies beyond its range is cut.
Code64 in_float32(const Code64& code);

}  // namespace unsuperpose
