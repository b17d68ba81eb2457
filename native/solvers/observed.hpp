// Samples of which some entries are not known: ½‖m∘(x − aD)‖² in place of ½‖x − aD‖², m a mask of the observed entries.
//
// For the samples of one mask that is the problem of their observed columns: of another dictionary, and so of other norms and Gram
// entries. Each different mask costs a copy of the dictionary's columns, packed anew; samples that share one are solved together, and
// different masks on different threads.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "reduction.hpp"

namespace unsuperpose {

/// Which entries are observed (not 0): one row for all samples, or one a sample.
struct Observed {
  std::vector<std::uint8_t> flags;  // rows × dims
  bool empty() const { return flags.empty(); }
};

/// unfold_weighted() on observed entries. Entries that are not observed may be anything; the others are checked: ERR_NOT_FINITE with
/// the row.
Status unfold_observed(const Samples& samples, const Observed& observed,
                       const std::shared_ptr<const Dictionary>& dictionary, const Method& method,
                       const Execution& execution, Unfolding& out);
/// certify_weighted() likewise.
Status certify_observed(const Samples& samples, const Observed& observed, const SparseCodes& codes,
                        const std::shared_ptr<const Dictionary>& dictionary, const CertifyOptions& options,
                        const Execution& execution, Certification& out);

}  // namespace unsuperpose
