// A dictionary that changes, and its copy on a device: after every kind of change, also one that was refused first, the copy is what a new one of the
// same atoms would be. Runs on the emulation, and on a GPU (npm run gpu-check).
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "../../native/scoring/mutable_dictionary.hpp"
#include "table.hpp"

using namespace unsuperpose;

namespace {

constexpr std::size_t kDims = 37;

std::vector<float> row(std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> made(kDims);
  for (float& v : made) v = normal(random);
  return made;
}

/// Scores of a few vectors in both precisions, and what rounding moved.
struct Seen {
  std::vector<float> moved;
  std::vector<std::uint32_t> indices;
  std::vector<float> values;
  bool operator==(const Seen&) const = default;
};

Seen look(const scoring::DeviceRows& rows) {
  Seen seen;
  std::mt19937 random(99);
  std::vector<float> vectors;
  for (int i = 0; i < 3; ++i) {
    const std::vector<float> one = row(random);
    vectors.insert(vectors.end(), one.begin(), one.end());
  }
  scoring::DeviceScan scan(rows);
  for (const UnsuperposeCudaPrecision precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16}) {
    const std::vector<float> moved = rows.moved(precision);
    seen.moved.insert(seen.moved.end(), moved.begin(), moved.end());
    scan.set_vectors(ConstMatrix32(vectors.data(), 3, kDims), {}, precision);
    const std::vector<float> floors(3, 0);
    scan.above(floors.data(), nullptr, false);
    for (std::size_t v = 0; v < 3; ++v)
      for (std::size_t e = 0; e < scan.count(v); ++e) {
        seen.indices.push_back(scan.entries(v)[e].index);
        seen.values.push_back(scan.entries(v)[e].value);
      }
  }
  return seen;
}

}  // namespace

int main() {
  require(device::use(&table).ok() ? 0 : 1, {});
  device::Device* gpu = nullptr;
  require(device::find(0, gpu).ok() ? 0 : 1, {});
  std::mt19937 random(5);
  const Execution alone;
  MutableDictionary atoms(kDims);
  for (int j = 0; j < 150; ++j) atoms.append(row(random).data());
  const auto agrees = [&] {
    const Dictionary* now = nullptr;
    if (!atoms.current(alone, now).ok()) return false;
    return look(now->on_device(*gpu)) == look(scoring::DeviceRows(*gpu, now->atoms()));
  };
  EXPECT(agrees());
  const auto bytes = [&] {
    const Dictionary* now = nullptr;
    return atoms.current(alone, now).ok() ? now->on_device(*gpu).handle() : nullptr;
  };
  const UnsuperposeCudaRows* copy = bytes();
  for (const std::size_t j : {std::size_t{0}, std::size_t{77}, std::size_t{149}})
    atoms.set_atom(j, row(random).data());
  EXPECT(agrees() && bytes() == copy);  // the same copy, changed

  // Refused together with another: nothing of it is lost.
  atoms.set_atom(3, row(random).data());
  std::vector<float> broken = row(random);
  broken[4] = std::numeric_limits<float>::quiet_NaN();
  atoms.set_atom(5, broken.data());
  const Dictionary* refused = nullptr;
  EXPECT(!atoms.current(alone, refused).ok());
  atoms.set_atom(5, row(random).data());
  EXPECT(agrees());

  // More atoms, fewer, others than were given away.
  atoms.append(row(random).data());
  EXPECT(agrees());
  atoms.resize(90);
  EXPECT(agrees());
  std::shared_ptr<const Dictionary> given;
  EXPECT(atoms.freeze(alone, given).ok());
  const Seen before = look(given->on_device(*gpu));
  atoms.set_atom(8, row(random).data());
  EXPECT(agrees());
  EXPECT(look(given->on_device(*gpu)) == before);

  // What changed on the device first is not sent again, and another change after it is.
  const scoring::DeviceRows& there = atoms.on_device(*gpu);
  const std::vector<float> first = row(random), second = row(random);
  const std::uint32_t which = 11;
  UnsuperposeCudaError error;
  const UnsuperposeCudaMatrix from{first.data(), kDims, 1, kDims, nullptr};
  require(table.replace(there.handle(), &from, &which, &error), error);
  std::copy(first.begin(), first.end(), atoms.edit_after(which));
  EXPECT(agrees());
  std::copy(second.begin(), second.end(), atoms.edit_after(which));
  const Dictionary* now = nullptr;
  EXPECT(atoms.current(alone, now).ok() &&
         !(look(now->on_device(*gpu)) == look(scoring::DeviceRows(*gpu, now->atoms()))));
  atoms.set_atom(which, second.data());
  EXPECT(agrees());
  atoms.drop_copies();
  EXPECT(agrees());
  return ended();
}
