// Which features of a batch are active: how the host asks for it (encode.cu and above.cu have the kernels).
#include <algorithm>
#include <limits>
#include <vector>

#include "trainer.hpp"

namespace unsuperpose::cuda {

namespace {

/// Bytes of exact scores at a time.
constexpr std::size_t kScoreBytes = std::size_t{128} << 20;
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
/// Samples that are scored exactly at a time: four a block of score_exactly(), along a grid's second side.
std::size_t together_of(std::size_t features, std::size_t samples) {
  return std::clamp<std::size_t>(std::min(kScoreBytes / sizeof(double) / features, kMostBlocks * 4), 1,
                                 samples);
}
/// Is a selection worth its while?
bool selects(std::size_t features, std::size_t k) {
  return features >= Thresholds::kLeastRows && room_of(k) <= kMostRoom &&
         static_cast<double>(features) >= kLeastShare * passing_of(k);
}

}  // namespace

void Trainer::round_input() {
  const Training& t = training_;
  const std::size_t n = t.samples;
  input_rounded_.reserve(n, t.width, UNSUPERPOSE_CUDA_FLOAT16);
  round_rows(t.input, nullptr, n, padded_rows(n), t.width, UNSUPERPOSE_CUDA_FLOAT16, input_rounded_.tiles(),
             norms_.data(), moved_.data(), stream_.get());
  // Bounds of all rows hold for those of any side.
  largest(t, t.row_norms, t.row_moved, t.features, stream_.get());
}

/// The rounded samples against a side; where what passes goes to is left open.
Select Trainer::selection(const Side& side) const {
  Select select;
  select.left = input_rounded_.tiles();
  select.right = side.tiles;
  select.left_count = training_.samples;
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
  const std::size_t together = together_of(side.count, count);
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
  const std::size_t n = t.samples;
  to.place(n, k, t.features, stream_);
  const Entries entries = to.entries();
  if (!selects(side.count, k)) return encode_all(side, k, nullptr, n, entries);
  round_input();
  const auto capacity = static_cast<unsigned>(std::min(room_of(k), side.count));
  lists_.reserve(n * capacity);
  Select select = selection(side);
  const float* floors = thresholds_.of(select, UNSUPERPOSE_CUDA_FLOAT16, device_, passing_of(k), 1, stream_,
                                       sample_of(side.count, k));
  select.floors = floors;
  select.entries = lists_.data();
  select.counts = counts_.data();
  select.capacity = capacity;
  stream_.zero(counts_.data(), n);
  select_rows(select, UNSUPERPOSE_CUDA_FLOAT16, device_.hopper, device_.multiprocessors, device_.shared_limit,
              stream_.get());
  Listed listed;
  listed.entries = lists_.data();
  listed.counts = counts_.data();
  listed.capacity = capacity;
  listed.floors = floors;
  listed.norms = norms_.data();
  listed.moved = moved_.data();
  listed.failed = failed_.data();
  stream_.zero(&t.outcome->failed, 1);
  choose_listed(t, listed, exact(side), k, entries, stream_.get());
  stream_.to_host(failed_seen_.data(), &t.outcome->failed, 1);
  stream_.wait();
  if (const unsigned failed = *failed_seen_.data(); failed > 0)
    encode_all(side, k, failed_.data(), failed, entries);
}

/// All of `side` whose score is above the floor.
void Trainer::encode_above(const Side& side, double floor, EntryMemory& to) {
  const Training& t = training_;
  const std::size_t n = t.samples;
  to.each = 0;
  to.reserve(n, 0, t.features);
  if (side.count < Thresholds::kLeastRows) return score_all_above(side, floor, to);
  round_input();
  const Entries counted = to.entries();
  floors_.reserve(n);
  floors_below(t, floor, norms_.data(), moved_.data(), floors_.data(), stream_.get());
  Select select = selection(side);
  select.floors = floors_.data();
  select.counts = counted.count;
  bool hopper = device_.hopper;
  // As long as some list is too short, longer ones; of a crowded batch there are none, and the next is tried again.
  for (;;) {
    lists_.reserve(n * room_);
    select.entries = lists_.data();
    select.capacity = room_;
    stream_.zero(counted.count, n);
    select_rows(select, UNSUPERPOSE_CUDA_FLOAT16, hopper, device_.multiprocessors, device_.shared_limit,
                stream_.get());
    most_listed(t, counted.count, stream_.get());
    stream_.to_host(failed_seen_.data(), &t.outcome->failed, 1);
    stream_.wait();
    const unsigned most = *failed_seen_.data();
    if (most <= room_) {
      score_lists(t, floor, lists_.data(), room_, counted, stream_.get());
      reserve_entries(to);
      order_lists(t, lists_.data(), room_, most, to.entries(), stream_.get());
      return;
    }
    if (most >= kLost)
      hopper = false;  // the product that loses nothing
    else if (room_ == kMostAbove)
      return score_all_above(side, floor, to);
    else
      room_ = std::min(kMostAbove, std::max(2 * room_, most + most / 8));
  }
}

/// Memory for as many entries as `to.first` says.
void Trainer::reserve_entries(EntryMemory& to) {
  stream_.to_host(failed_seen_.data(), to.first.data() + training_.samples, 1);
  stream_.wait();
  to.reserve(training_.samples, *failed_seen_.data(), training_.features);
}

void Trainer::score_all_above(const Side& side, double floor, EntryMemory& to) {
  const Training& t = training_;
  const std::size_t n = t.samples;
  const std::size_t together = together_of(side.count, n);
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
    most_listed(t, to.count.data(), stream_.get());
    stream_.to_host(failed_seen_.data(), &t.outcome->failed, 1);
    stream_.wait();
    if (n * *failed_seen_.data() > kMostEntries)
      throw Failure{UNSUPERPOSE_CUDA_MEMORY, "more codes than 2³² − 1 in a batch"};
    scan_counts(to.first.data(), t.samples, stream_.get());
    reserve_entries(to);
  }
}

/// The k · samples strongest of the batch. They lie above a floor that is guessed: near the weakest of the last batch, or, of the first, near what
/// some of the features say; lower where too few do.
void Trainer::encode_together(const Side& side, unsigned k, double guess) {
  const Training& t = training_;
  const std::size_t n = t.samples, wanted = n * k;
  double floor = kBelow * guess;
  if (!(floor > 0)) {
    floor = 0;
    if (side.count >= Thresholds::kLeastRows) {
      round_input();
      const float* found = thresholds_.of(selection(side), UNSUPERPOSE_CUDA_FLOAT16, device_, k, 1, stream_,
                                          sample_of(side.count, k));
      std::vector<float> ranked_(n);
      stream_.to_host(ranked_.data(), found, n);
      stream_.wait();
      for (const float v : ranked_) floor += static_cast<double>(v) / static_cast<double>(n);
      floor = std::max(0.0, kBelow * floor);
    }
  }
  for (bool again = false;; again = true) {
    encode_above(side, floor, together_);
    if (*failed_seen_.data() >= wanted || floor == 0) break;  // reserve_entries() read it
    floor = again ? 0 : kNext * floor;  // a batch that has too few above zero has them soon
  }
  const unsigned found = *failed_seen_.data();
  active_.each = 0;
  active_.reserve(n, std::min<std::size_t>(found, wanted), t.features);
  cut_.reserve(1);
  greater_.reserve(n + 1);
  alike_.reserve(n + 1);
  stream_.zero(cut_.data(), 1);
  const auto left = static_cast<unsigned>(std::min<std::size_t>(found, wanted));
  *failed_seen_.data() = left;
  stream_.to_device(&cut_.data()->left, failed_seen_.data(), 1);
  keep_strongest(together_.entries(), t.samples, found, cut_.data(), greater_.data(), alike_.data(),
                 active_.entries(), stream_.get());
}

/// Of the residuals, as dead features see them: what the strongest of these would explain.
void Trainer::revive() {
  Training& t = training_;
  const std::size_t n = t.samples;
  const std::size_t wanted = std::min<std::size_t>(options_.auxiliary_k, dead_count_);
  const double share = static_cast<double>(dead_count_) / static_cast<double>(options_.auxiliary_k);
  t.dead_share = static_cast<float>(options_.auxiliary * std::min(1.0, share));
  dead_residual_.reserve(n * t.depth);
  dead_squares_.reserve(n);
  t.dead_residual = dead_residual_.data();
  t.dead_squares = dead_squares_.data();
  Side side{dead_.data(), dead_count_, {}, nullptr};
  if (selects(dead_count_, wanted)) {
    const std::size_t padded_dead = padded_rows(dead_count_);
    dead_rounded_.reserve(dead_count_, t.width, UNSUPERPOSE_CUDA_FLOAT16);
    dead_factors_.reserve(padded_dead);
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
