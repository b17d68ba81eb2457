// What the encoder of a sparse autoencoder finds: the features whose pre-activation counts, without storing all of them. A feature's
// row scores each sample; rows may have one last entry more that belongs to the decision alone (minus a threshold).
//
// Decisions and values are those of float64 sums of exact products (dots::Table::dot), whatever precision scored first.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"

namespace unsuperpose::encoding {

/// The features with d_j·x > floor for each row x, ascending; the values are the sums over the first `value_dims` entries, rounded to
/// float32 (zeros may be among them). ERR_TOO_LARGE beyond 2³² − 1 entries.
Status above(ConstMatrix32 rows, const Dictionary& dictionary, double floor, std::size_t value_dims,
             const Execution& execution, SparseCodes& out);

/// The k strongest of each row, ties by lower index, of them those above 0; ascending.
Status strongest(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t k, const Execution& execution,
                 SparseCodes& out);

/// The `total` strongest of all rows together, of them those above 0: ties by lower row, then index. `guess` is where the weakest may
/// lie: scores are listed from there on, and again from lower where too few are found. 0: nothing is known.
Status strongest_together(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t total, double guess,
                          const Execution& execution, SparseCodes& out);

}  // namespace unsuperpose::encoding
