// Predicates about all features of a dictionary: some quantity of each feature against thresholds, combined
// by and, or, not.
//
// Truth has three values (Kleene 1952, §64). A quantity is computed in float64 from float32 data with a bound
// of its rounding error; it is above t if it is by more than that bound, not above t if the reverse holds,
// and undecided otherwise. What comes out as true or false is therefore so for the exact quantity.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "../solvers/unfolding.hpp"
#include "pair_maps.hpp"

namespace unsuperpose {

enum class QuantityKind : std::uint8_t {
  norm = 0,        // ‖e‖
  alignment = 1,   // |e·v| / ‖e‖‖v‖, 0 for a zero feature
  energy = 2,      // ‖Pe‖² / ‖e‖², P onto the span of given rows; 0 for a zero feature
  density = 3,     // fraction of samples whose code is not zero
  activation = 4,  // max |a| over the samples, 0 if never active
  connection = 5,  // max over a set of features d of |dᵀ W e|
};

struct Quantity {
  QuantityKind kind = QuantityKind::norm;
  double above = -std::numeric_limits<double>::infinity();  // true where above < quantity < below
  double below = std::numeric_limits<double>::infinity();
  ConstMatrix32 rows;  // alignment: one row; energy: independent rows; finite, as many columns as dims
  std::shared_ptr<const Dictionary> to;  // connection: the set, all of it
  MatrixChain weight;                    // connection: W; none for the identity
};

enum class Truth : std::uint8_t { no = 0, yes = 1, undecided = 2 };

/// A predicate in reverse Polish notation: an entry ≥ 0 is a quantity, kAnd and kOr take two, kNot takes one.
inline constexpr std::int32_t kAnd = -1, kOr = -2, kNot = -3;

struct Predicate {
  std::vector<Quantity> quantities;
  std::vector<std::int32_t> program;
};

/// Of features f and quantities q, entry q·features + f.
struct PredicateValues {
  std::vector<std::uint8_t> truth;  // Truth, one a feature; empty from measure_again
  std::vector<double> values;
  std::vector<double> lows;    // measure_again: the exact quantity is value + low, within error; else empty
  std::vector<double> errors;  // no value is off by more
};

/// `codes` may be null unless density or activation are asked for; then valid, with at least one sample.
/// ERR_OPTION for rows of an energy that are not proved independent. Progress counts quantities.
Status evaluate(const std::shared_ptr<const Dictionary>& dictionary, const SparseCodes* codes,
                const Predicate& predicate, const Execution& execution, PredicateValues& out);

/// The same quantities on a path of its own: plain loops in twice the precision of float64
/// (predicates_again.cpp). Slow.
Status measure_again(const Dictionary& dictionary, const SparseCodes* codes, const Predicate& predicate,
                     const Execution& execution, PredicateValues& out);

}  // namespace unsuperpose
