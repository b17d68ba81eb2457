// Rows that vectors are scored against: a dictionary's atoms, some features of one side of pairs; a device's copy of either
// can stand here too.
#pragma once
#include <cstddef>
#include <span>

#include "../kernels/product/product.hpp"

namespace unsuperpose::scoring {

class DeviceRows;  // device_rows.hpp

/// A view: whoever gave it owns the rows.
struct Rows {
  std::size_t count = 0, dims = 0;
  /// Packed in a precision, made on first use.
  const product::PackedRows& (*packed_of)(const void* owner, std::size_t part,
                                          product::Precision precision) = nullptr;
  const void* owner = nullptr;
  std::size_t part = 0;                // of the owner's rows
  double norm = 0;                     // of any row, at most
  std::span<const double> norms;       // of each row; empty where none has a weight
  double hidden = 0;                   // ‖row − its float32 part‖, at most
  const DeviceRows* device = nullptr;  // their copy on a device, where that is to score them

  const product::PackedRows& packed(product::Precision precision) const {
    return packed_of(owner, part, precision);
  }
};

}  // namespace unsuperpose::scoring
