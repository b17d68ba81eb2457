#include <algorithm>
#include <cmath>

#include "scan.hpp"

namespace unsuperpose::cuda {

namespace {

/// Lists that a launch may fill: bytes of all, where the device has them.
constexpr std::size_t kListBytes = std::size_t{512} << 20;
/// Room of a first listing by above(): few pass, or none.
constexpr unsigned kFirstRoom = 64;
/// Of this share of the vectors lists were long enough: so is the first listing's room the next time.
constexpr double kMostVectors = 0.95;
/// A scan with more memory is not kept.
constexpr std::size_t kKeptBytes = std::size_t{256} << 20;
/// Times as many as wanted are to pass.
constexpr double kSpareShare = 3;
constexpr int kTries = 8;

unsigned rounded_up(std::size_t n) {
  unsigned power = 32;
  while (power < n) power *= 2;
  return power;
}

float strength(const UnsuperposeCudaEntry& entry, const UnsuperposeCudaSelect& select) {
  const float v = select.positive_only ? entry.value : std::fabs(entry.value);
  return select.scale ? v * select.scale[entry.index] : v;
}

}  // namespace

Scan::Scan(Rows& rows) : rows_(rows), upload_(stream_), list_bytes_(kListBytes), usual_(kFirstRoom) {}

void Scan::round(const std::uint32_t* pick, std::size_t count, RoundedRows& to, double* norms,
                 double* moved) {
  to.reserve(count, rows_.dims(), precision_);
  round_rows(source_, pick, count, padded_rows(count), rows_.dims(), precision_, to.tiles(), norms, moved,
             stream_.get());
}

void Scan::set_vectors(const UnsuperposeCudaMatrix& vectors, int precision, double* norms, double* moved) {
  const OnDevice here(rows_.device().index);
  count_ = vectors.count;
  precision_ = precision;
  own_.reserve(count_ * rows_.dims());
  upload_.rows(own_.data(), vectors);
  source_ = own_.data();
  source_pick_ = nullptr;
  norms_.reserve(count_);
  moved_.reserve(count_);
  round(nullptr, count_, vectors_, norms_.data(), moved_.data());
  stream_.to_host(norms, norms_.data(), count_);
  stream_.to_host(moved, moved_.data(), count_);
  stream_.wait();
}

void Scan::set_rows(const Rows& from, const std::uint32_t* pick, std::size_t count, int precision,
                    double* norms, double* moved) {
  const OnDevice here(rows_.device().index);
  count_ = count;
  precision_ = precision;
  source_ = from.data();
  source_pick_ = nullptr;
  if (pick) {
    pick_.reserve(count);
    stream_.to_device(pick_.data(), pick, count);
    source_pick_ = pick_.data();
  }
  norms_.reserve(count_);
  moved_.reserve(count_);
  round(source_pick_, count_, vectors_, norms_.data(), moved_.data());
  stream_.to_host(norms, norms_.data(), count_);
  stream_.to_host(moved, moved_.data(), count_);
  stream_.wait();
}

void Scan::prepare(const UnsuperposeCudaSelect& select) {
  const std::size_t features = rows_.count(), padded = padded_rows(features);
  const Rows::Rounded& right = rows_.rounded(precision_);
  weights_used_ = nullptr;
  if (select.scale) {
    weights_.reserve(features);
    stream_.to_device(weights_.data(), select.scale, features);
    weights_used_ = weights_.data();
  }
  factors_.reserve(padded);
  column_factors(right.rows.tiles().scales, weights_used_, features, padded, factors_.data(), stream_.get());
  answer_.clear();
  starts_.assign(count_, 0);
  lengths_.assign(count_, 0);
}

void Scan::list(const std::vector<std::uint32_t>& which, const std::vector<float>& floors, unsigned capacity,
                const UnsuperposeCudaSelect& select) {
  const bool all = which.size() == count_;
  const std::size_t count = which.size();
  if (!all) {
    // The vectors once more, only those.
    std::vector<std::uint32_t> picks(which);
    some_pick_.reserve(count);
    if (source_pick_) {
      std::vector<std::uint32_t> given(count_);
      stream_.to_host(given.data(), source_pick_, count_);
      stream_.wait();
      for (std::uint32_t& pick : picks) pick = given[pick];
    }
    stream_.to_device(some_pick_.data(), picks.data(), count);
    stream_.wait();  // `picks` ends here
    round(some_pick_.data(), count, some_, nullptr, nullptr);
  }
  capacity_ = capacity;
  floors_.reserve(count);
  counts_.reserve(count);
  lists_.reserve(count * capacity);
  stream_.to_device(floors_.data(), floors.data(), count);
  stream_.zero(counts_.data(), count);
  Select task;
  task.left = all ? vectors_.tiles() : some_.tiles();
  task.right = rows_.rounded(precision_).rows.tiles();
  task.left_count = count;
  task.right_count = rows_.count();
  task.factors = factors_.data();
  task.floors = floors_.data();
  task.positive_only = select.positive_only != 0;
  task.entries = lists_.data();
  task.counts = counts_.data();
  task.capacity = capacity;
  const Device& device = rows_.device();
  select_rows(task, precision_, device.hopper && !many_, device.multiprocessors, device.shared_limit,
              stream_.get());
  found_counts_.resize(count);
  stream_.to_host(found_counts_.data(), counts_.data(), count);
  stream_.wait();
}

std::size_t Scan::together(unsigned room) const {
  return std::max<std::size_t>(1, list_bytes_ / sizeof(UnsuperposeCudaEntry) / room);
}

bool Scan::listed(const std::vector<std::uint32_t>& which, const std::vector<float>& floors,
                  unsigned capacity, const UnsuperposeCudaSelect& select) {
  try {
    list(which, floors, capacity, select);
    return true;
  } catch (const Failure& failure) {
    if (failure.code != UNSUPERPOSE_CUDA_MEMORY) throw;
    stream_.wait();
    if (rows_.free_workspaces()) return false;
    if (which.size() == 1) throw;
    lists_.free();
    list_bytes_ = which.size() / 2 * capacity * sizeof(UnsuperposeCudaEntry);
    return false;
  }
}

void Scan::take(const std::vector<std::uint32_t>& which, const std::vector<std::uint8_t>& done, bool by_index,
                unsigned most, const UnsuperposeCudaSelect& select) {
  const std::size_t count = which.size(), before = answer_.size();
  std::vector<std::uint64_t> offsets(count);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    offsets[i] = kSkipped;
    if (!done[i]) continue;
    offsets[i] = total;
    const unsigned listed = std::min({found_counts_[i], capacity_, most});
    starts_[which[i]] = before + total;
    lengths_[which[i]] = listed;
    total += listed;
  }
  if (total == 0) return;
  answer_.resize(before + total);
  if (capacity_ <= kMostListed) {
    offsets_.reserve(count);
    sorted_.reserve(total);
    stream_.to_device(offsets_.data(), offsets.data(), count);
    Sort sort;
    sort.entries = lists_.data();
    sort.counts = counts_.data();
    sort.capacity = capacity_;
    sort.most = most;
    sort.rows = count;
    sort.offsets = offsets_.data();
    sort.by_index = by_index;
    sort.positive_only = select.positive_only != 0;
    sort.weights = weights_used_;
    sort.out = sorted_.data();
    sort_lists(sort, stream_.get());
    stream_.to_host(answer_.data() + before, sorted_.data(), total);
    stream_.wait();
    return;
  }
  // Longer than shared memory: sorted here.
  std::vector<UnsuperposeCudaEntry> lists;
  for (std::size_t i = 0; i < count; ++i) {
    if (!done[i]) continue;
    lists.resize(std::min(found_counts_[i], capacity_));
    stream_.to_host(lists.data(), lists_.data() + i * capacity_, lists.size());
    stream_.wait();
    std::sort(lists.begin(), lists.end(), [&](const UnsuperposeCudaEntry& a, const UnsuperposeCudaEntry& b) {
      const float x = strength(a, select), y = strength(b, select);
      return by_index || x == y ? a.index < b.index : x > y;
    });
    std::copy_n(lists.begin(), std::min<std::size_t>(most, lists.size()),
                answer_.begin() + static_cast<std::ptrdiff_t>(before + offsets[i]));
  }
}

void Scan::above(const UnsuperposeCudaSelect& select, std::uint32_t* counts) {
  const OnDevice here(rows_.device().index);
  prepare(select);
  std::vector<std::uint32_t> open(count_);
  for (std::size_t i = 0; i < count_; ++i) open[i] = static_cast<std::uint32_t>(i);
  unsigned room = std::min(usual_, rounded_up(rows_.count()));
  std::vector<unsigned> needs(count_, room);
  std::vector<std::uint32_t> again;
  many_ = false;
  while (!open.empty() || !again.empty()) {
    if (open.empty()) {
      open.swap(again);
      many_ = true;
    }
    // As many as the lists' memory holds, those that need the least room first.
    std::sort(open.begin(), open.end(), [&](std::uint32_t a, std::uint32_t b) {
      return needs[a] != needs[b] ? needs[a] < needs[b] : a < b;
    });
    room = needs[open.front()];
    std::size_t count = 0;
    while (count < open.size() && count < together(room) && needs[open[count]] <= room) ++count;
    const std::vector<std::uint32_t> which(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<float> floors(count);
    for (std::size_t i = 0; i < count; ++i) floors[i] = select.floors[which[i]];
    if (!listed(which, floors, room, select)) continue;
    open.erase(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<std::uint8_t> done(count);
    for (std::size_t i = 0; i < count; ++i) {
      done[i] = found_counts_[i] <= room;
      if (done[i]) continue;
      // The second time by the product that loses nothing.
      needs[which[i]] = found_counts_[i] >= kLost ? room : rounded_up(found_counts_[i]);
      again.push_back(which[i]);
    }
    take(which, done, true, room, select);
  }
  std::copy(lengths_.begin(), lengths_.end(), counts);
  if (count_ == 0) return;
  std::vector<std::uint32_t> lengths(lengths_);
  const auto most =
      lengths.begin() + static_cast<std::ptrdiff_t>(kMostVectors * static_cast<double>(count_ - 1));
  std::nth_element(lengths.begin(), most, lengths.end());
  usual_ = std::clamp(rounded_up(*most), kFirstRoom, kMostListed);
}

std::vector<float> Scan::sampled(const UnsuperposeCudaSelect& select, unsigned wanted) {
  Select task;
  task.left = vectors_.tiles();
  task.right = rows_.rounded(precision_).rows.tiles();
  task.left_count = count_;
  task.right_count = rows_.count();
  task.factors = factors_.data();
  task.positive_only = select.positive_only != 0;
  const float* found = thresholds_.of(task, precision_, rows_.device(), kSpareShare * wanted, 1, stream_);
  std::vector<float> thresholds(count_);
  stream_.to_host(thresholds.data(), found, count_);
  stream_.wait();
  return thresholds;
}

void Scan::strongest(const UnsuperposeCudaSelect& select, unsigned capacity, std::uint32_t* counts) {
  const OnDevice here(rows_.device().index);
  prepare(select);
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  const std::size_t features = rows_.count();
  capacity = static_cast<unsigned>(std::min<std::size_t>(capacity, features));
  std::vector<float> least(count_, kNone), floors;
  if (select.floors) least.assign(select.floors, select.floors + count_);
  const bool sampling = features > Thresholds::kLeastRows && std::size_t{12} * capacity < features;
  floors = least;
  unsigned room = rounded_up(features);
  if (sampling) {
    const std::vector<float> thresholds = sampled(select, capacity);
    for (std::size_t i = 0; i < count_; ++i) floors[i] = std::max(floors[i], thresholds[i]);
    room = rounded_up(std::size_t{6} * capacity + 128);
  }
  // Thresholds that let too many pass, and too few.
  std::vector<float> low(least), high(count_, std::numeric_limits<float>::infinity());
  std::vector<std::uint32_t> open(count_);
  for (std::size_t i = 0; i < count_; ++i) open[i] = static_cast<std::uint32_t>(i);
  for (int attempt = 0; !open.empty(); ++attempt) {
    many_ = attempt > 0;
    if (attempt == kTries) {
      // Ties beyond number, or scores of a strange distribution: everything that may count.
      room = rounded_up(features);
      for (const std::uint32_t i : open) floors[i] = low[i];
    }
    std::vector<std::uint32_t> still;
    for (std::size_t first = 0, end; first < open.size(); first = end) {
      end = std::min(open.size(), first + together(room));
      const std::vector<std::uint32_t> which(open.begin() + static_cast<std::ptrdiff_t>(first),
                                             open.begin() + static_cast<std::ptrdiff_t>(end));
      std::vector<float> at(which.size());
      for (std::size_t i = 0; i < which.size(); ++i) at[i] = floors[which[i]];
      if (!listed(which, at, room, select)) {
        end = first;
        continue;
      }
      std::vector<std::uint8_t> done(which.size());
      for (std::size_t i = 0; i < which.size(); ++i) {
        const std::uint32_t v = which[i];
        const bool many = found_counts_[i] > room, few = found_counts_[i] < capacity && floors[v] > least[v];
        done[i] = !many && !few;
        if (done[i]) continue;
        still.push_back(v);
        if (found_counts_[i] >= kLost) continue;  // as it is, by the product that loses nothing
        (many ? low : high)[v] = floors[v];
        // Between the two where both are known; else a step as wide as the score is large.
        const float step = 0.1f * std::fabs(floors[v]) + std::numeric_limits<float>::min();
        float next = many ? floors[v] + step : floors[v] - step;
        if (low[v] != kNone && std::isfinite(high[v])) next = low[v] + 0.5f * (high[v] - low[v]);
        floors[v] = std::max(least[v], next);
      }
      take(which, done, false, capacity, select);
    }
    open = std::move(still);
  }
  std::copy(lengths_.begin(), lengths_.end(), counts);
}

bool Scan::rest() {
  many_ = false;
  list_bytes_ = kListBytes;
  source_ = nullptr;
  source_pick_ = nullptr;
  count_ = 0;
  answer_ = {};
  return own_.bytes() + vectors_.bytes() + some_.bytes() + thresholds_.bytes() + lists_.bytes() +
             sorted_.bytes() + factors_.bytes() + weights_.bytes() + indices_.bytes() + products_.bytes() <=
         kKeptBytes;
}

void Scan::entries(UnsuperposeCudaEntry* out) const {
  for (std::size_t i = 0; i < count_; ++i)
    out = std::copy_n(answer_.begin() + static_cast<std::ptrdiff_t>(starts_[i]), lengths_[i], out);
}

}  // namespace unsuperpose::cuda
