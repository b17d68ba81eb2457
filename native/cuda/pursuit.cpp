#include "pursuit.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "in_batches.hpp"
#include "rounds.hpp"
#include "thresholds.hpp"
#include "timer.hpp"

namespace unsuperpose::cuda {

namespace {

/// Entries of a list where floors come from a sample of the features; of few features all can be listed.
constexpr unsigned kListed = 1024;
constexpr std::size_t kSampleFrom = Thresholds::kLeastRows;
/// Of a pass, atoms that pass about; of its sample, at least.
constexpr double kPassing = 192;
constexpr unsigned kLeastRank = 3;

/// The memory of a call, and its rounds. Kept by the rows for the next call.
class Solver {
 public:
  explicit Solver(Rows& rows) : rows_(rows), upload_(stream_), timer_(stream_) {}

  void run(const UnsuperposeCudaPursuit& problem, UnsuperposeCudaSupports& out);

 private:
  void reserve(unsigned room);
  void release();
  void measure();
  void solve(std::size_t first, std::size_t count);
  void round(int precision, const std::vector<std::uint32_t>& group, bool fresh);
  void read_state(std::size_t count);
  void deliver(std::size_t first, std::size_t count);

  Rows& rows_;
  const UnsuperposeCudaPursuit* problem_ = nullptr;
  UnsuperposeCudaSupports* out_ = nullptr;
  Stream stream_;
  Upload upload_;
  Timer timer_;
  std::size_t together_ = 0;
  Pursuit pursuit_{};
  RoundedRows rounded_;
  Thresholds thresholds_;
  Memory<float> samples_, residual32_, code_, floor_, floors_, factors_[2];
  Memory<double> enough_, residual_, factor_, gram_, columns_, numbers_, norms_, moved_;
  Memory<std::uint32_t> most_, support_, tries_, choice_, active_;
  Memory<UnsuperposeCudaEntry> entries_;
  Memory<unsigned> counts_;
  Memory<Floor> look_;
  Memory<std::uint32_t> state_;  // size, choices, stage and precision of every sample, copied together
  Pinned<std::uint32_t> seen_, group_, support_seen_;
  Pinned<float> code_seen_;
  std::vector<std::uint32_t> size_, choices_;
  std::vector<std::uint8_t> stage_, precision_;
};

void Solver::reserve(unsigned room) {
  const std::size_t n = together_, dims = rows_.dims(), triangle = std::size_t{room} * (room + 1) / 2;
  const unsigned capacity =
      rows_.count() < kSampleFrom ? std::bit_ceil(static_cast<unsigned>(rows_.count())) : kListed;
  for (Memory<float>* memory : {&samples_, &residual32_}) memory->reserve(n * dims);
  residual_.reserve(n * dims);
  factor_.reserve(n * triangle);
  if (problem_->nonnegative) gram_.reserve(n * triangle);
  columns_.reserve(n * kColumns * room);
  support_.reserve(n * room);
  code_.reserve(n * room);
  for (Memory<float>* one : {&floor_, &floors_}) one->reserve(n);
  look_.reserve(n);
  for (Memory<double>* one : {&enough_, &norms_, &moved_}) one->reserve(n);
  numbers_.reserve(4 * n);
  for (Memory<std::uint32_t>* one : {&most_, &tries_, &choice_, &active_}) one->reserve(n);
  entries_.reserve(n * capacity);
  counts_.reserve(n);
  state_.reserve(3 * n);
  seen_.reserve(3 * n);
  group_.reserve(n);
  support_seen_.reserve(n * room);
  code_seen_.reserve(n * room);
  // Copied whole, also where nothing was written.
  stream_.zero(state_.data(), 3 * n);
  stream_.zero(support_.data(), n * room);
  stream_.zero(code_.data(), n * room);

  pursuit_ = {};
  pursuit_.atoms = rows_.data();
  pursuit_.features = static_cast<unsigned>(rows_.count());
  pursuit_.dims = static_cast<unsigned>(dims);
  pursuit_.samples = samples_.data();
  pursuit_.enough = enough_.data();
  pursuit_.most = most_.data();
  pursuit_.nonnegative = problem_->nonnegative != 0;
  pursuit_.all_explained = problem_->all_explained != 0;
  pursuit_.room = room;
  pursuit_.residual = residual_.data();
  pursuit_.rounded = residual32_.data();
  pursuit_.support = support_.data();
  pursuit_.factor = factor_.data();
  pursuit_.gram = problem_->nonnegative ? gram_.data() : nullptr;
  pursuit_.columns = columns_.data();
  pursuit_.code = code_.data();
  pursuit_.squared_input = numbers_.data();
  pursuit_.left = numbers_.data() + n;
  pursuit_.parts = numbers_.data() + 2 * n;
  pursuit_.squared_residual = numbers_.data() + 3 * n;
  pursuit_.floor = floor_.data();
  pursuit_.look = look_.data();
  pursuit_.tries = tries_.data();
  pursuit_.choice = choice_.data();
  pursuit_.size = state_.data();
  pursuit_.choices = state_.data() + n;
  pursuit_.stage = reinterpret_cast<Pursued*>(state_.data() + 2 * n);
  pursuit_.precision = reinterpret_cast<std::uint8_t*>(state_.data() + 2 * n) + n;
  pursuit_.active = active_.data();
  pursuit_.capacity = capacity;
  pursuit_.norms = norms_.data();
  pursuit_.moved = moved_.data();
  pursuit_.floors = floors_.data();
  pursuit_.entries = entries_.data();
  pursuit_.counts = counts_.data();
}

/// What the rows' sizes say of errors.
void Solver::measure() {
  const std::size_t features = rows_.count(), padded = padded_rows(features);
  for (const int precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16}) {
    const Rows::Rounded& rounded = rows_.rounded(precision);
    pursuit_.row_norm[precision] = rounded.largest_norm;
    pursuit_.row_moved[precision] = rounded.largest_moved;
    factors_[precision].reserve(padded);
    column_factors(rounded.rows.tiles().scales, nullptr, features, padded, factors_[precision].data(),
                   stream_.get());
  }
}

/// One pass of the samples of `group`, and what comes of it. `fresh`: the first.
void Solver::round(int precision, const std::vector<std::uint32_t>& group, bool fresh) {
  const std::size_t count = group.size(), dims = rows_.dims();
  stream_.to_device(active_.data(), group_.data(), count);
  pursuit_.count = static_cast<unsigned>(count);
  timer_.time(Timer::round, [&] {
    rounded_.reserve(count, dims, precision);
    round_rows(residual32_.data(), active_.data(), count, padded_rows(count), dims, precision,
               rounded_.tiles(), norms_.data(), moved_.data(), stream_.get());
  });
  timer_.time(Timer::select, [&] {
    const Device& device = rows_.device();
    Select select;
    select.left = rounded_.tiles();
    select.right = rows_.rounded(precision).rows.tiles();
    select.left_count = count;
    select.right_count = rows_.count();
    select.factors = factors_[precision].data();
    select.positive_only = problem_->nonnegative != 0;
    const bool sampled = rows_.count() >= kSampleFrom;
    const float* thresholds =
        sampled && fresh ? thresholds_.of(select, precision, device, kPassing, kLeastRank, stream_) : nullptr;
    set_floors(pursuit_, thresholds, stream_.get());
    stream_.zero(counts_.data(), count);
    select.floors = floors_.data();
    select.entries = entries_.data();
    select.counts = counts_.data();
    select.capacity = pursuit_.capacity;
    // Of few features so many pass that wgmma's queues overflow.
    select_rows(select, precision, device.hopper && sampled, device.multiprocessors, device.shared_limit,
                stream_.get());
  });
  timer_.time(Timer::choose, [&] { pick(pursuit_, precision, stream_.get()); });
  timer_.time(Timer::gram, [&] { append(pursuit_, stream_.get()); });
}

void Solver::read_state(std::size_t count) {
  const std::size_t n = together_;
  stream_.to_host(seen_.data(), state_.data(), 3 * n);
  stream_.wait();
  timer_.add();
  const std::uint8_t* bytes = reinterpret_cast<const std::uint8_t*>(seen_.data() + 2 * n);
  size_.assign(seen_.data(), seen_.data() + count);
  choices_.assign(seen_.data() + n, seen_.data() + n + count);
  stage_.assign(bytes, bytes + count);
  precision_.assign(bytes + n, bytes + n + count);
}

void Solver::solve(std::size_t first, std::size_t count) {
  UnsuperposeCudaMatrix part = problem_->samples;
  part.count = count;
  if (part.pick)
    part.pick += first;
  else
    part.data += first * part.stride;
  timer_.time(Timer::copies, [&] {
    upload_.rows(samples_.data(), part);
    stream_.to_device(enough_.data(), problem_->residual + first, count);
    stream_.to_device(most_.data(), problem_->most + first, count);
  });
  start(pursuit_, static_cast<unsigned>(count), stream_.get());
  read_state(count);
  std::vector<std::uint32_t> active(count);
  for (std::size_t i = 0; i < count; ++i) active[i] = static_cast<std::uint32_t>(i);
  const auto drop = [&] {
    std::erase_if(active,
                  [&](std::uint32_t i) { return stage_[i] != static_cast<std::uint8_t>(Pursued::running); });
  };
  bool fresh = true;
  for (drop(); !active.empty(); drop()) {
    if (problem_->cancelled && problem_->cancelled(problem_->context))
      throw Failure{UNSUPERPOSE_CUDA_CANCELLED, "cancelled"};
    std::vector<std::uint32_t> groups[2];
    for (const std::uint32_t i : active) groups[precision_[i]].push_back(i);
    for (const int precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16}) {
      if (groups[precision].empty()) continue;
      // What was last sent from group_ has arrived: every pass is waited for.
      std::copy(groups[precision].begin(), groups[precision].end(), group_.data());
      round(precision, groups[precision], fresh);
      read_state(count);
    }
    fresh = false;
  }
  timer_.time(Timer::evaluate, [&] { answer(pursuit_, static_cast<unsigned>(count), stream_.get()); });
}

void Solver::deliver(std::size_t first, std::size_t count) {
  const std::size_t room = pursuit_.room, capacity = problem_->capacity;
  timer_.time(Timer::copies, [&] {
    stream_.to_host(support_seen_.data(), support_.data(), count * room);
    stream_.to_host(code_seen_.data(), code_.data(), count * room);
    stream_.to_host(out_->squared_residual + first, pursuit_.squared_residual, count);
  });
  stream_.wait();
  timer_.add();
  const auto outcome_of = [](std::uint8_t stage) {
    switch (static_cast<Pursued>(stage)) {
      case Pursued::converged: return UNSUPERPOSE_CUDA_PURSUED;
      case Pursued::iterations: return UNSUPERPOSE_CUDA_PURSUED_LIMIT;
      case Pursued::stalled: return UNSUPERPOSE_CUDA_PURSUED_STALLED;
      default: return UNSUPERPOSE_CUDA_PURSUED_PART;
    }
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t to = first + i;
    const bool again = stage_[i] == static_cast<std::uint8_t>(Pursued::again);
    out_->count[to] = again ? 0 : size_[i];
    out_->choices[to] = again ? 0 : choices_[i];
    out_->outcome[to] = static_cast<std::uint8_t>(outcome_of(stage_[i]));
    std::copy_n(support_seen_.data() + i * room, size_[i], out_->indices + to * capacity);
    std::copy_n(code_seen_.data() + i * room, size_[i], out_->values + to * capacity);
  }
}

void Solver::release() {
  for (Memory<float>* memory :
       {&samples_, &residual32_, &code_, &floor_, &floors_, &factors_[0], &factors_[1]})
    memory->free();
  for (Memory<double>* memory :
       {&enough_, &residual_, &factor_, &gram_, &columns_, &numbers_, &norms_, &moved_})
    memory->free();
  for (Memory<std::uint32_t>* memory : {&most_, &support_, &tries_, &choice_, &active_, &state_})
    memory->free();
  thresholds_.free();
  rounded_ = RoundedRows();
  entries_.free();
  counts_.free();
  look_.free();
}

void Solver::run(const UnsuperposeCudaPursuit& problem, UnsuperposeCudaSupports& out) {
  problem_ = &problem;
  out_ = &out;
  timer_.start(out.stages);
  const std::size_t all = problem.samples.count;
  const std::uint32_t most = *std::max_element(problem.most, problem.most + all);
  const unsigned room = std::clamp<unsigned>(most, 1, std::min(problem.capacity, kMostSupport));
  in_batches(
      all, together_, rows_, stream_,
      [this, room] {
        timer_.forget();
        reserve(room);
        measure();
      },
      [this](std::size_t first, std::size_t count) {
        solve(first, count);
        deliver(first, count);
      },
      [this] { release(); });
}

}  // namespace

void solve_pursuit(Rows& rows, const UnsuperposeCudaPursuit& problem, UnsuperposeCudaSupports& out) {
  if (problem.samples.count == 0) return;
  const OnDevice here(rows.device().index);
  std::shared_ptr<void> kept = rows.take_workspace(Rows::kPursuit);
  if (!kept) kept = std::make_shared<Solver>(rows);
  static_cast<Solver*>(kept.get())->run(problem, out);
  rows.keep_workspace(std::move(kept), Rows::kPursuit);  // not after a failure
}

}  // namespace unsuperpose::cuda
