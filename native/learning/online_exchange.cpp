// Out of the local minima that dictionary learning knows: two atoms that stand for a third direction together, while another atom
// explains nothing new. Each step of block-coordinate descent moves one atom a little, and none gets out of there.
//
// A pair of atoms that are active together far oftener than alone points to such a direction: what the two make of the samples that use both.
// It is tried in the place of the atom that explains least, and of either of the two. Where codes have signs, the two may be the sum and the
// difference of two directions: both are tried in their place. The samples that this concerns are unfolded
// again, and the exchange stays where their objective falls. All is decided by the batch, the atoms and A: a run that goes on from a
// checkpoint tries the same.
#include <algorithm>
#include <cmath>
#include <utility>

#include "../core/cancellation.hpp"
#include "../core/index.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "online_state.hpp"

namespace unsuperpose {

namespace {

/// Pairs tried at a time, of the so many most active together, which take turns.
constexpr std::size_t kTried = 4, kTurns = 24;
/// n_ij²/(n_i n_j) from which a pair is looked at.
constexpr double kTogether = 0.02;
/// Fewer samples that use both say nothing of a direction …
constexpr double kLeast = 3;
/// … and so much of the objective of those that are concerned has to go: more than the tolerance of their codes.
constexpr double kGain = 0.005;
}  // namespace

/// The pairs that the batch's samples use together most, at most one for each atom, the strongest first: by n_ij²/(n_i n_j), where n_ij
/// counts samples where the two codes have equal signs, or different ones, whichever are more.
std::vector<OnlineLearner::State::Pair> OnlineLearner::State::partners(const SparseCodes& codes) const {
  const std::vector<std::uint32_t> sample_of = samples_of(codes);
  std::vector<std::uint32_t> met[2] = {std::vector<std::uint32_t>(options.features, 0),
                                       std::vector<std::uint32_t>(options.features, 0)};
  std::vector<std::uint32_t> others;
  std::vector<Pair> found;
  for (const std::uint32_t i : touched) {
    cancellation::point();
    for (const std::uint32_t at : users_by_feature[i]) {
      const std::uint32_t s = sample_of[at];
      for (std::uint32_t k = codes.indptr[s]; k < at; ++k) {  // partners of lower index
        const std::uint32_t j = codes.indices[k];
        if (met[0][j] + met[1][j] == 0) others.push_back(j);
        ++met[codes.values[k] * codes.values[at] < 0][j];
      }
    }
    Pair best;
    std::sort(others.begin(), others.end());
    for (const std::uint32_t j : others) {
      const bool opposite = met[1][j] > met[0][j];
      const double both = met[opposite][j], size = static_cast<double>(users_by_feature[i].size()) *
                                                   static_cast<double>(users_by_feature[j].size());
      met[0][j] = met[1][j] = 0;
      if (both < kLeast || both * both < kTogether * size || both * both / size <= best.together) continue;
      best = {both * both / size, i, j, opposite};
    }
    others.clear();
    if (best.together > 0) found.push_back(best);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Pair& x, const Pair& y) { return x.together > y.together; });
  return found;
}

/// Of the batch's samples that use both atoms so: the sum of their shares of the two, and what nothing explains. False if that is zero.
bool OnlineLearner::State::shared_direction(ConstMatrix32 batch, const SparseCodes& codes, const Pair& pair,
                                            std::vector<float>& out) const {
  std::vector<double> sum(dims, 0);
  for (std::size_t s = 0; s < batch.rows; ++s) {
    float first = 0, second = 0;
    for (std::uint32_t at = codes.indptr[s]; at < codes.indptr[s + 1]; ++at) {
      if (codes.indices[at] == pair.first) first = codes.values[at];
      if (codes.indices[at] == pair.second) second = codes.values[at];
    }
    if (first == 0 || second == 0 || (first * second < 0) != pair.opposite) continue;
    const double sign = first < 0 ? -1 : 1;
    for (std::size_t k = 0; k < dims; ++k) sum[k] += sign * static_cast<double>(batch.row(s)[k]);
    for (std::uint32_t at = codes.indptr[s]; at < codes.indptr[s + 1]; ++at) {
      const std::uint32_t other = codes.indices[at];
      if (other == pair.first || other == pair.second) continue;
      const double value = sign * static_cast<double>(codes.values[at]);
      for (std::size_t k = 0; k < dims; ++k) sum[k] -= value * static_cast<double>(atoms.atom(other)[k]);
    }
  }
  out.resize(dims);
  for (std::size_t k = 0; k < dims; ++k) out[k] = static_cast<float>(sum[k]);
  return reduce::table().squared_norm(out.data(), dims) > 0;
}

/// Makes these changes of atoms if they lower the objective of the samples that used any of those, or the pair.
Status OnlineLearner::State::exchange(ConstMatrix32 batch, const Unfolding& unfolding, const Method& method,
                                      const Pair& pair, const std::vector<Change>& changes,
                                      const Execution& execution, bool& stays) {
  const SparseCodes& codes = unfolding.codes;
  std::vector<std::uint32_t> atoms_concerned{pair.first, pair.second}, concerned;
  for (const Change& change : changes) atoms_concerned.push_back(change.atom);
  double before = 0;
  for (std::uint32_t s = 0; s < batch.rows; ++s) {
    const auto from = codes.indices.begin() + codes.indptr[s],
               to = codes.indices.begin() + codes.indptr[s + 1];
    if (std::none_of(atoms_concerned.begin(), atoms_concerned.end(),
                     [&](std::uint32_t one) { return std::binary_search(from, to, one); }))
      continue;
    concerned.push_back(s);
    before += unfolding.objective[s];
  }
  AlignedBuffer<float> rows(concerned.size() * dims);
  for (std::size_t s = 0; s < concerned.size(); ++s)
    std::copy_n(batch.row(concerned[s]), dims, rows.data() + s * dims);
  std::vector<std::vector<float>> old;
  for (const Change& change : changes) {
    old.emplace_back(atoms.atom(change.atom), atoms.atom(change.atom) + dims);
    set_atom(change.atom, change.direction->data());
  }
  const Dictionary* dictionary = nullptr;
  if (Status status = atoms.current(execution, dictionary); !status.ok()) return status;
  Unfolding again;
  const ConstMatrix32 those(rows.data(), concerned.size(), dims);
  if (Status status = unfold_with_room(those, *dictionary, method, execution, again); !status.ok())
    return status;
  double after = 0;
  for (const double objective : again.objective) after += objective;
  stays = after < (1 - kGain) * before;
  for (std::size_t c = 0; c < changes.size(); ++c) {
    const std::uint32_t l = changes[c].atom;
    if (stays) {
      start_again(l, average_use());
      continue;
    }
    std::copy_n(old[c].data(), dims, atoms.edit(l));
    columns.set_entry(l, atoms.atom(l));
  }
  return {};
}

Status OnlineLearner::State::exchange_merged(ConstMatrix32 batch, const Unfolding& unfolding,
                                             const Method& method, std::uint64_t round,
                                             const Execution& execution, bool& stays) {
  stays = false;
  const std::vector<Pair> pairs = partners(unfolding.codes);
  if (pairs.empty()) return {};
  const std::size_t turns = std::min(pairs.size(), kTurns);
  std::vector<float> direction, other;
  for (std::size_t turn = 0; turn < std::min(turns, kTried); ++turn) {
    cancellation::point();
    const Pair& pair = pairs[(round * kTried + turn) % turns];
    if (!shared_direction(batch, unfolding.codes, pair, direction)) continue;
    std::uint32_t least = 0;
    for (std::uint32_t l = 1; l < atoms.features(); ++l)
      if (own(l) < own(least)) least = l;
    std::vector<std::vector<Change>> ways{
        {{least, &direction}}, {{pair.first, &direction}}, {{pair.second, &direction}}};
    Pair mirrored = pair;
    mirrored.opposite = !pair.opposite;
    if (!options.coding.nonnegative && shared_direction(batch, unfolding.codes, mirrored, other))
      ways.insert(ways.begin(), {{pair.first, &direction}, {pair.second, &other}});
    for (const std::vector<Change>& changes : ways) {
      if (Status status = exchange(batch, unfolding, method, pair, changes, execution, stays); !status.ok())
        return status;
      if (stays) return {};  // the batch's codes are of other atoms now
    }
  }
  return {};
}

}  // namespace unsuperpose
