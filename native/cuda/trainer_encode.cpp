// Which features of a batch are active: how the host asks for it (encode.cu and above.cu have the kernels).
#include <algorithm>
#include <limits>
#include <vector>

#include "trainer.hpp"

namespace unsuperpose::cuda {

namespace {

/// The fewest samples that lists are made of at a time, where memory is short.
constexpr std::size_t kFewestTogether = 16;
constexpr std::size_t kMostBlocks = 65535, kMostEntries = 0xffffffffu;
/// How many of the features pass a first selection, for k that are wanted: more than enough, since a sample says where they begin, of which kRank are above
/// that. As many times that is the room of a list, so that hardly one is too long.
constexpr double kSpareShare = 2.5, kSpare = 256, kRoomShare = 2.5, kRank = 13;
/// Longer lists do not fit shared memory; and of fewer features than so many times what passes all are scored exactly.
constexpr std::size_t kMostRoom = 4096;
constexpr double kLeastShare = 4;

/// Longest lists of all above a floor; first guesses of that floor, relative to where the weakest is thought to be, and the next ones.
constexpr unsigned kMostAbove = 8192;
constexpr double kBelow = 0.9, kNext = 0.6;

double passing_of(std::size_t k) { return kSpareShare * static_cast<double>(k) + kSpare; }
std::size_t room_of(std::size_t k) { return static_cast<std::size_t>(kRoomShare * passing_of(k)); }
/// Features that tell where that many begin.
std::size_t sample_of(std::size_t features, std::size_t k) {
  const auto rows = static_cast<std::size_t>(kRank * static_cast<double>(features) / passing_of(k));
  return (rows + kRightRows - 1) / kRightRows * kRightRows;
}
/// Is a selection worth its while?
bool selects(std::size_t features, std::size_t k) {
  return features >= Thresholds::kLeastRows && room_of(k) <= kMostRoom &&
         static_cast<double>(features) >= kLeastShare * passing_of(k);
}

}  // namespace

/// Frees what is made anew for each part of a batch, and makes parts half as large. Answers whether they could be.
bool Trainer::shrink() {
  stream_.wait();
  lists_.free();
  scores_.free();
  thresholds_.free();
  input_rounded_ = {};
  const std::size_t all = std::min<std::size_t>(together_, training_.samples);
  const bool fewer = all > kFewestTogether, less = score_bytes_ > training_.features * sizeof(double);
  if (fewer) together_ = std::max(kFewestTogether, all / 2);
  if (less) score_bytes_ /= 2;
  return fewer || less;
}

/// Samples that are scored exactly at a time: four a block of score_exactly(), along a grid's second side.
std::size_t Trainer::scored_together(std::size_t features, std::size_t samples) const {
  return std::clamp<std::size_t>(std::min(score_bytes_ / sizeof(double) / features, kMostBlocks * 4), 1,
                                 samples);
}

/// body(part) for all of the batch, in order.
template <class Body>
void Trainer::in_parts(const Body& body) {
  const std::size_t n = training_.samples;
  for (std::size_t first = 0; first < n; first += together_)
    body(Part{static_cast<unsigned>(first), static_cast<unsigned>(std::min(together_, n - first))});
}

void Trainer::round_input(const Part& part) {
  const Training& t = training_;
  input_rounded_.reserve(part.count, t.width, UNSUPERPOSE_CUDA_FLOAT16);
  round_rows(t.input + static_cast<std::size_t>(part.first) * t.width, nullptr, part.count,
             padded_rows(part.count), t.width, UNSUPERPOSE_CUDA_FLOAT16, input_rounded_.tiles(),
             norms_.data(), moved_.data(), stream_.get());
}

/// Bounds of all rows, which hold for those of any side.
void Trainer::bound_rows() {
  const Training& t = training_;
  largest(t, t.row_norms, t.row_moved, t.features, stream_.get());
}

/// The rounded samples against a side; where what passes goes to is left open.
Select Trainer::selection(const Side& side, const Part& part) const {
  Select select;
  select.left = input_rounded_.tiles();
  select.right = side.tiles;
  select.left_count = part.count;
  select.right_count = side.count;
  select.factors = side.factors;
  select.positive_only = true;
  return select;
}

Scores Trainer::exact(const Side& side) const {
  Scores scores;
  scores.rows = training_.encoder.values;
  scores.pick = side.pick;
  scores.features = static_cast<unsigned>(side.count);
  scores.width = training_.width;
  scores.input = training_.input;
  scores.scores = scores_.data();
  return scores;
}

/// By exact scores alone.
void Trainer::encode_all(const Side& side, unsigned k, const unsigned* which, std::size_t count,
                         const Entries& to) {
  const std::size_t together = scored_together(side.count, count);
  scores_.reserve(together * side.count);
  Scores scores = exact(side);
  for (std::size_t first = 0; first < count; first += together) {
    scores.which = which ? which + first : nullptr;
    scores.first = static_cast<unsigned>(first);
    scores.count = static_cast<unsigned>(std::min(together, count - first));
    score_exactly(scores, stream_.get());
    choose_largest(scores, k, to, stream_.get());
  }
}

void Trainer::encode(const Side& side, unsigned k, EntryMemory& to) {
  const Training& t = training_;
  with_room([&] {
    to.place(t.samples, k, t.features, stream_);
    const Entries entries = to.entries();
    if (!selects(side.count, k)) return encode_all(side, k, nullptr, t.samples, entries);
    bound_rows();
    in_parts([&](const Part& part) { encode_part(side, k, part, entries); });
  });
}

void Trainer::encode_part(const Side& side, unsigned k, const Part& part, const Entries& entries) {
  const Training& t = training_;
  round_input(part);
  const auto capacity = static_cast<unsigned>(std::min(room_of(k), side.count));
  lists_.reserve(static_cast<std::size_t>(part.count) * capacity);
  Select select = selection(side, part);
  if (side.timed) mark(kSample);
  const float* floors = thresholds_.of(select, UNSUPERPOSE_CUDA_FLOAT16, device_, passing_of(k), 1, stream_,
                                       sample_of(side.count, k));
  select.floors = floors;
  select.entries = lists_.data();
  select.counts = counts_.data();
  select.capacity = capacity;
  stream_.zero(counts_.data(), part.count);
  if (side.timed) mark(kSelect);
  select_rows(select, UNSUPERPOSE_CUDA_FLOAT16, device_.hopper, device_.multiprocessors, device_.shared_limit,
              stream_.get());
  Listed listed;
  listed.part = part;
  listed.entries = lists_.data();
  listed.counts = counts_.data();
  listed.capacity = capacity;
  listed.floors = floors;
  listed.norms = norms_.data();
  listed.moved = moved_.data();
  listed.failed = failed_.data();
  stream_.zero(&t.outcome->failed, 1);
  if (side.timed) mark(kChoose);
  choose_listed(t, listed, exact(side), k, entries, stream_.get());
  if (side.timed) mark(kAgain);
  if (const unsigned failed = counted(); failed > 0) encode_all(side, k, failed_.data(), failed, entries);
}

/// outcome.failed, once it is there.
unsigned Trainer::counted() {
  stream_.to_host(failed_seen_.data(), &training_.outcome->failed, 1);
  stream_.wait();
  return *failed_seen_.data();
}

/// All of `side` whose score is above the floor. Answers how many.
unsigned Trainer::encode_above(const Side& side, double floor, EntryMemory& to) {
  const std::size_t n = training_.samples;
  to.each = 0;
  unsigned found = 0;
  with_room([&] {
    to.reserve(n, 0, training_.features);
    if (side.count < Thresholds::kLeastRows || !list_all_above(side, floor, to, found))
      found = score_all_above(side, floor, to);
  });
  return found;
}

/// By lists; not where more are above the floor than they can be long. Where a batch is listed in parts, the second time is for writing.
bool Trainer::list_all_above(const Side& side, double floor, EntryMemory& to, unsigned& found) {
  const Training& t = training_;
  const bool whole = together_ >= t.samples;
  bound_rows();
  unsigned most = 0;
  bool fits = true;
  in_parts([&](const Part& part) {
    most = fits ? list_above(side, floor, part, to.entries(), to.first.data()) : 0;
    fits = fits && most > 0;
  });
  if (!fits) return false;
  scan_counts(to.first.data(), t.samples, stream_.get());
  found = reserve_entries(to);
  in_parts([&](const Part& part) {
    if (!whole) most = list_above(side, floor, part, to.entries(), nullptr);
    order_lists(part, lists_.data(), room_, most, to.entries(), stream_.get());
  });
  return true;
}

/// The scored lists of a part, and (where asked for) how many are kept of each; entries.count says how long they are. Answers the length of the longest, but
/// at least 1; 0 where one is too long.
unsigned Trainer::list_above(const Side& side, double floor, const Part& part, const Entries& entries,
                             unsigned* kept) {
  const Training& t = training_;
  round_input(part);
  floors_.reserve(part.count);
  floors_below(t, part, floor, norms_.data(), moved_.data(), floors_.data(), stream_.get());
  unsigned* const counts = entries.count + part.first;
  Select select = selection(side, part);
  select.floors = floors_.data();
  select.counts = counts;
  bool hopper = device_.hopper;
  if (side.timed) mark(kSelect);
  // As long as some list is too short, longer ones; of a crowded batch there are none, and the next is tried again.
  for (;;) {
    lists_.reserve(static_cast<std::size_t>(part.count) * room_);
    select.entries = lists_.data();
    select.capacity = room_;
    stream_.zero(counts, part.count);
    select_rows(select, UNSUPERPOSE_CUDA_FLOAT16, hopper, device_.multiprocessors, device_.shared_limit,
                stream_.get());
    most_listed(t, counts, part.count, stream_.get());
    const unsigned most = counted();
    if (most <= room_) {
      if (side.timed) mark(kChoose);
      score_lists(t, part, floor, lists_.data(), room_, entries, kept, stream_.get());
      return std::max(1u, most);
    }
    if (most >= kLost)
      hopper = false;  // the product that loses nothing
    else if (room_ == kMostAbove)
      return 0;
    else
      room_ = std::min(kMostAbove, std::max(2 * room_, most + most / 8));
  }
}

/// Memory for as many entries as `to.first` says: the answer.
unsigned Trainer::reserve_entries(EntryMemory& to) {
  stream_.to_host(failed_seen_.data(), to.first.data() + training_.samples, 1);
  stream_.wait();
  const unsigned found = *failed_seen_.data();
  to.reserve(training_.samples, found, training_.features);
  return found;
}

unsigned Trainer::score_all_above(const Side& side, double floor, EntryMemory& to) {
  const Training& t = training_;
  unsigned found = 0;
  const std::size_t n = t.samples;
  const std::size_t together = scored_together(side.count, n);
  scores_.reserve(together * side.count);
  Scores scores = exact(side);
  for (const bool writing : {false, true}) {
    for (std::size_t first = 0; first < n; first += together) {
      scores.first = static_cast<unsigned>(first);
      scores.count = static_cast<unsigned>(std::min(together, n - first));
      if (!writing || together < n) score_exactly(scores, stream_.get());  // else they are there
      all_above(t, scores, floor, to.entries(), writing, stream_.get());
    }
    if (writing) break;
    // Entries are counted in 32 bits.
    most_listed(t, to.count.data(), t.samples, stream_.get());
    if (n * counted() > kMostEntries)
      throw Failure{UNSUPERPOSE_CUDA_MEMORY, "more codes than 2³² − 1 in a batch"};
    scan_counts(to.first.data(), t.samples, stream_.get());
    found = reserve_entries(to);
  }
  return found;
}

/// The k · samples strongest of the batch. They lie above a floor that is guessed: near the weakest of the last batch, or, of the first, near what
/// some of the features say; lower where too few do.
void Trainer::encode_together(const Side& side, unsigned k, double guess) {
  const Training& t = training_;
  const std::size_t n = t.samples, wanted = n * k;
  double floor = kBelow * guess;
  if (!(floor > 0)) {
    floor = 0;
    if (side.count >= Thresholds::kLeastRows)
      with_room([&] { floor = std::max(0.0, kBelow * mean_threshold(side, k)); });
  }
  unsigned found = 0;
  for (bool again = false;; again = true) {
    found = encode_above(side, floor, crowd_);
    if (found >= wanted || floor == 0) break;
    floor = again ? 0 : kNext * floor;  // a batch that has too few above zero has them soon
  }
  active_.each = 0;
  with_room([&] { active_.reserve(n, std::min<std::size_t>(found, wanted), t.features); });
  cut_.reserve(1);
  greater_.reserve(n + 1);
  alike_.reserve(n + 1);
  stream_.zero(cut_.data(), 1);
  const auto left = static_cast<unsigned>(std::min<std::size_t>(found, wanted));
  *failed_seen_.data() = left;
  stream_.to_device(&cut_.data()->left, failed_seen_.data(), 1);
  keep_strongest(crowd_.entries(), t.samples, found, cut_.data(), greater_.data(), alike_.data(),
                 active_.entries(), stream_.get());
}

/// The mean over the samples of where, of some of the features, the k strongest begin.
double Trainer::mean_threshold(const Side& side, unsigned k) {
  const std::size_t n = training_.samples;
  std::vector<float> ranked_(n);
  in_parts([&](const Part& part) {
    round_input(part);
    const float* found = thresholds_.of(selection(side, part), UNSUPERPOSE_CUDA_FLOAT16, device_, k, 1,
                                        stream_, sample_of(side.count, k));
    stream_.to_host(ranked_.data() + part.first, found, part.count);
    stream_.wait();
  });
  double mean = 0;
  for (const float v : ranked_) mean += static_cast<double>(v) / static_cast<double>(n);
  return mean;
}

/// Of the residuals, as dead features see them: what the strongest of these would explain.
void Trainer::revive() {
  Training& t = training_;
  const std::size_t n = t.samples;
  const std::size_t wanted = std::min<std::size_t>(options_.auxiliary_k, dead_count_);
  const double share = static_cast<double>(dead_count_) / static_cast<double>(options_.auxiliary_k);
  t.dead_share = static_cast<float>(options_.auxiliary * std::min(1.0, share));
  const bool selecting = selects(dead_count_, wanted);
  const std::size_t padded_dead = padded_rows(dead_count_);
  with_room([&] {
    dead_residual_.reserve(n * t.depth);
    dead_squares_.reserve(n);
    if (!selecting) return;
    dead_rounded_.reserve(dead_count_, t.width, UNSUPERPOSE_CUDA_FLOAT16);
    dead_factors_.reserve(padded_dead);
  });
  t.dead_residual = dead_residual_.data();
  t.dead_squares = dead_squares_.data();
  Side side{dead_.data(), dead_count_, {}, nullptr, false};
  if (selecting) {
    round_rows(t.encoder.values, dead_.data(), dead_count_, padded_dead, t.width, UNSUPERPOSE_CUDA_FLOAT16,
               dead_rounded_.tiles(), nullptr, nullptr, stream_.get());
    side.tiles = dead_rounded_.tiles();
    column_factors(side.tiles.scales, nullptr, dead_count_, padded_dead, dead_factors_.data(), stream_.get());
    side.factors = dead_factors_.data();
  }
  encode(side, static_cast<unsigned>(wanted), revived_);
  t.revived = revived_.entries();
  Decoding decoding;
  decoding.base = t.residual;
  decoding.residual = t.dead_residual;
  decoding.squares = t.dead_squares;
  decoding.entries = t.revived;
  decoding.scale = -t.dead_share;
  decoding.counts = false;
  decode(t, decoding, stream_.get());
}

}  // namespace unsuperpose::cuda
