// A dictionary whose atoms change, for learners: norms and packed copies follow the atoms that changed, and are not made
// again as a whole.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "dictionary.hpp"

namespace unsuperpose {

/// Owned by one learner, and read by its own solves between changes: atoms are changed, then current() gives the
/// dictionary to read until the next change. No thread may read while another changes. What freeze() gave is shared and
/// stays as it is: the next change works on a copy.
class MutableDictionary {
 public:
  /// No atoms yet, of this many dims (> 0).
  explicit MutableDictionary(std::size_t dims);
  /// The atoms of another, copied.
  explicit MutableDictionary(const Dictionary& from);

  std::size_t features() const { return held_->features_; }
  std::size_t dims() const { return held_->dims_; }
  /// Rows are padded with zeros as in Dictionary; valid until the number of atoms changes.
  ConstMatrix32 atoms() const { return held_->atoms(); }
  const float* atom(std::size_t j) const { return held_->atom(j); }

  /// Memory for this many atoms in all, so that those added up to there move none.
  void reserve(std::size_t features);
  /// Adds atoms that are zero, or drops atoms at the end.
  void resize(std::size_t features);
  /// Atom j, to be written (dims entries) before the next call of current() or freeze().
  float* edit(std::size_t j);
  /// The copy of the atoms on a device, as current() left them, which is to change there first: then each atom is written here
  /// by edit_after(), and the copy counts as up to date.
  const scoring::DeviceRows& on_device(device::Device& device);
  float* edit_after(std::size_t j);
  /// After a failure of the device.
  void drop_copies();
  /// All atoms, rows as in atoms(), to be written likewise: several threads may each write rows of their own.
  Matrix32 edit_all();
  void set_atom(std::size_t j, const float* from);
  void append(const float* from);
  /// All atoms: any number of rows of dims().
  void replace(ConstMatrix32 from);

  /// Brings norms, the packed copies that there are and those on devices up to date, and gives what to read until the next change: the
  /// same bits as Dictionary::make() of these atoms, and the same errors. Refused atoms stay open to be changed, and
  /// `out` as it was. The Gram matrix is dropped where atoms changed.
  Status current(const Execution& execution, const Dictionary*& out);
  /// The same to be shared and kept; nothing is copied.
  Status freeze(const Execution& execution, std::shared_ptr<const Dictionary>& out);

 private:
  void own();
  static void copy(const Dictionary& from, Dictionary& to, std::size_t room);

  std::shared_ptr<Dictionary> held_;
  bool shared_ = false;  // held_ was given away by freeze()
  bool changed_ = true;  // since the last current()
  std::vector<std::uint8_t>
      touched_;  // one an atom: 1: its norm and copies are behind; 2: all but those on devices
};

}  // namespace unsuperpose
