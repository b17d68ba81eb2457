// Barriers that count bytes, bulk copies, and products by warpgroups; and when what was begun happens.
#include "emulation_hopper.hpp"

#include <cstring>

#include "machine.hpp"
#include "products.hpp"

namespace unsuperpose::cuda {

using namespace emulation;

namespace emulation {

bool happen() {
  Machine& m = machine();
  if (m.bulk_copies.empty()) return false;
  const std::size_t which = m.draw.below(static_cast<std::uint32_t>(m.bulk_copies.size()));
  const Copy copy = m.bulk_copies[which];
  m.bulk_copies.erase(m.bulk_copies.begin() + static_cast<std::ptrdiff_t>(which));
  land(copy);
  return true;
}

}  // namespace emulation
}  // namespace unsuperpose::cuda
