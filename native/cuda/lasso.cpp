#include "lasso.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "in_batches.hpp"
#include "rounds.hpp"
#include "thresholds.hpp"
#include "timer.hpp"

namespace unsuperpose::cuda {

namespace {

/// Samples that are left, which are scored in one precision together.
constexpr std::size_t kFew = 512;
/// A sample that so many passes find nothing for is another solver's: where λ is beyond float32 beside the scores, no floor comes down to it.
constexpr unsigned kMostLooks = 64;
/// Of the first choice's sample, atoms that pass at least: with fewer, how many pass of all would vary much.
constexpr unsigned kLeastRank = 3;
/// With fewer features all that exceed λ can be listed.
constexpr std::size_t kSampleFrom = Thresholds::kLeastRows;

/// The memory of a call, and its rounds. Kept by the rows for the next call.
class Solver {
 public:
  explicit Solver(Rows& rows) : rows_(rows), upload_(stream_), timer_(stream_) {}

  void run(const UnsuperposeCudaLasso& problem, UnsuperposeCudaCodes& out);

 private:
  void reserve();
  /// Gives all memory back.
  void release();
  void weigh();
  void solve(std::size_t first, std::size_t count);
  void pass(int precision, const std::vector<std::uint32_t>& group, bool fresh);
  void use(const std::vector<std::uint32_t>& group);
  void read_state(std::size_t count);
  void deliver(std::size_t first, std::size_t count);

  Rows& rows_;
  const UnsuperposeCudaLasso* problem_ = nullptr;
  UnsuperposeCudaCodes* out_ = nullptr;
  Stream stream_;
  Upload upload_;
  Timer timer_;
  std::size_t together_ = 0;
  Batch batch_{};
  RoundedRows rounded_;
  Memory<float> samples_, residual_, code_, correlation_, gram_, share_, floors_, factors_[2], scale_;
  Thresholds thresholds_;
  Memory<double> lambda_, weights_, strongest_, gap_, norms_, moved_;
  Memory<std::uint32_t> set_, active_, with_gram_, stalled_;
  Memory<Evaluation> at_;
  Memory<UnsuperposeCudaEntry> entries_;
  Memory<unsigned> counts_;
  Memory<std::uint8_t> proof_, complete_;
  Memory<std::uint32_t> state_;  // rounds, size, stage, precision and solve of every sample, copied together
  Pinned<std::uint32_t> seen_, group_, set_seen_;
  Pinned<float> code_seen_;
  Pinned<double> figures_seen_;
  std::vector<std::uint32_t> rounds_, size_;
  std::vector<std::uint8_t> stage_, precision_, solve_;
};

void Solver::reserve() {
  const std::size_t n = together_, dims = rows_.dims();
  samples_.reserve(n * dims);
  residual_.reserve(n * dims);
  // Descent reads whole lines of it.
  const bool larger = gram_.size() < n * kSet * kSet;
  gram_.reserve(n * kSet * kSet);
  if (larger) stream_.zero(gram_.data(), n * kSet * kSet);
  for (Memory<float>* of_set : {&code_, &correlation_}) of_set->reserve(n * kSet);
  set_.reserve(n * kSet);
  for (Memory<float>* one : {&share_, &floors_}) one->reserve(n);
  for (Memory<double>* one : {&lambda_, &strongest_, &gap_, &norms_, &moved_}) one->reserve(n);
  for (Memory<std::uint32_t>* one : {&active_, &with_gram_, &stalled_}) one->reserve(n);
  at_.reserve(n);
  entries_.reserve(n * kListed);
  counts_.reserve(n);
  for (Memory<std::uint8_t>* one : {&proof_, &complete_}) one->reserve(n);
  state_.reserve(3 * n);
  seen_.reserve(3 * n);
  group_.reserve(n);
  set_seen_.reserve(n * kSet);
  code_seen_.reserve(n * kSet);
  figures_seen_.reserve(3 * n);

  // Copied as a whole, also where nothing was written.
  if (larger) {
    stream_.zero(set_.data(), n * kSet);
    stream_.zero(code_.data(), n * kSet);
    stream_.zero(state_.data(), 3 * n);
  }

  batch_.atoms = rows_.data();
  batch_.features = static_cast<unsigned>(rows_.count());
  batch_.dims = static_cast<unsigned>(dims);
  batch_.samples = samples_.data();
  batch_.lambda = lambda_.data();
  batch_.ridge = problem_->ridge;
  batch_.tolerance = problem_->tolerance;
  batch_.nonnegative = problem_->nonnegative != 0;
  batch_.first_choice = static_cast<unsigned>(std::clamp<std::size_t>(dims / 32, 8, 63));
  batch_.max_rounds = problem_->max_rounds;
  batch_.tops = rows_.rounded(UNSUPERPOSE_CUDA_FLOAT16).rows.tiles();
  batch_.bytes = rows_.rounded(UNSUPERPOSE_CUDA_INT8).rows.tiles();
  batch_.may_be_rough = rough_fits(batch_.first_choice, dims, rows_.device().shared_limit);
  batch_.lows = rows_.rounded(kLowHalf).rows.tiles();
  batch_.residual = residual_.data();
  batch_.set = set_.data();
  batch_.code = code_.data();
  batch_.correlation = correlation_.data();
  batch_.with_gram = with_gram_.data();
  batch_.gram = gram_.data();
  batch_.at = at_.data();
  batch_.strongest = strongest_.data();
  batch_.gap = gap_.data();
  batch_.stalled = stalled_.data();
  batch_.share = share_.data();
  batch_.proof = proof_.data();
  batch_.complete = complete_.data();
  batch_.rounds = state_.data();
  batch_.size = state_.data() + n;
  batch_.stage = reinterpret_cast<Stage*>(state_.data() + 2 * n);
  batch_.precision = reinterpret_cast<std::uint8_t*>(state_.data() + 2 * n) + n;
  batch_.solve = reinterpret_cast<std::uint8_t*>(state_.data() + 2 * n) + 2 * n;
  batch_.active = active_.data();
  batch_.norms = norms_.data();
  batch_.moved = moved_.data();
  batch_.floors = floors_.data();
  batch_.entries = entries_.data();
  batch_.counts = counts_.data();
}

/// Weights, and what they make of the rows' sizes.
void Solver::weigh() {
  const std::size_t features = rows_.count(), padded = padded_rows(features);
  std::vector<float> scale;
  batch_.weight_scale = 1;
  batch_.weights = nullptr;
  if (problem_->weights) {
    std::vector<double> weights(problem_->weights, problem_->weights + features);
    scale.resize(features);
    for (std::size_t j = 0; j < features; ++j) {
      scale[j] = static_cast<float>(1 / weights[j]);
      batch_.weight_scale = std::max(batch_.weight_scale, 1 / weights[j]);
    }
    weights_.reserve(features);
    scale_.reserve(features);
    stream_.to_device(weights_.data(), weights.data(), features);
    stream_.to_device(scale_.data(), scale.data(), features);
    stream_.wait();
    batch_.weights = weights_.data();
  }
  for (const int precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16}) {
    const Rows::Rounded& rounded = rows_.rounded(precision);
    double norm = problem_->weights ? 0 : rounded.largest_norm;
    double moved = problem_->weights ? 0 : rounded.largest_moved;
    for (std::size_t j = 0; problem_->weights && j < features; ++j) {
      const double by = 1 / static_cast<double>(problem_->weights[j]);
      const double off = static_cast<double>(rounded.moved[j]);
      norm = std::max(norm, (static_cast<double>(rounded.norms[j]) + off) * by);
      moved = std::max(moved, off * by);
    }
    batch_.row_norm[precision] = norm;
    batch_.row_moved[precision] = moved;
    factors_[precision].reserve(padded);
    column_factors(rounded.rows.tiles().scales, problem_->weights ? scale_.data() : nullptr, features, padded,
                   factors_[precision].data(), stream_.get());
  }
}

void Solver::use(const std::vector<std::uint32_t>& group) {
  // What was last sent from group_ has arrived: every round waits for the device.
  std::copy(group.begin(), group.end(), group_.data());
  stream_.to_device(active_.data(), group_.data(), group.size());
  batch_.count = static_cast<unsigned>(group.size());
}

void Solver::pass(int precision, const std::vector<std::uint32_t>& group, bool fresh) {
  use(group);
  const std::size_t count = group.size(), dims = rows_.dims();
  timer_.time(Timer::round, [&] {
    rounded_.reserve(count, dims, precision);
    round_rows(residual_.data(), active_.data(), count, padded_rows(count), dims, precision, rounded_.tiles(),
               norms_.data(), moved_.data(), stream_.get());
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
    const float* thresholds = nullptr;
    // Of few features so many pass that wgmma's queues overflow.
    const bool thresholds_help = rows_.count() >= kSampleFrom;
    if (fresh && thresholds_help) {
      // On the first pass λ is exceeded by a large share of the atoms.
      thresholds = thresholds_.of(select, precision, device, 2.0 * batch_.first_choice, kLeastRank, stream_);
    }
    set_floors(batch_, precision, fresh, thresholds, stream_.get());
    stream_.zero(counts_.data(), count);
    select.floors = floors_.data();
    select.entries = entries_.data();
    select.counts = counts_.data();
    select.capacity = kListed;
    select_rows(select, precision, device.hopper && thresholds_help, device.multiprocessors,
                device.shared_limit, stream_.get());
  });
  timer_.time(Timer::choose, [&] { choose(batch_, precision, stream_.get()); });
}

void Solver::read_state(std::size_t count) {
  const std::size_t n = together_;
  stream_.to_host(seen_.data(), state_.data(), 3 * n);
  stream_.wait();
  timer_.add();
  const std::uint8_t* bytes = reinterpret_cast<const std::uint8_t*>(seen_.data() + 2 * n);
  rounds_.assign(seen_.data(), seen_.data() + count);
  size_.assign(seen_.data() + n, seen_.data() + n + count);
  stage_.assign(bytes, bytes + count);
  precision_.assign(bytes + n, bytes + n + count);
  solve_.assign(bytes + 2 * n, bytes + 2 * n + count);
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
    stream_.to_device(lambda_.data(), problem_->lambda + first, count);
  });
  start(batch_, static_cast<unsigned>(count), stream_.get());
  read_state(count);
  std::vector<std::uint32_t> active(count), group, rough;
  for (std::size_t i = 0; i < count; ++i) active[i] = static_cast<std::uint32_t>(i);
  bool fresh = true;
  std::vector<unsigned> looks(count);  // passes since the last round
  while (!active.empty()) {
    if (problem_->cancelled && problem_->cancelled(problem_->context))
      throw Failure{UNSUPERPOSE_CUDA_CANCELLED, "cancelled"};
    const std::vector<std::uint32_t> before = rounds_;
    // Each sample once: a pass decides in which precision the next one is.
    std::vector<std::uint32_t> groups[2];
    for (const std::uint32_t i : active) groups[precision_[i]].push_back(i);
    // So few samples take the time that reading the dictionary does: once.
    if (!groups[0].empty() && !groups[1].empty() && active.size() <= kFew) {
      groups[UNSUPERPOSE_CUDA_INT8].clear();
      groups[UNSUPERPOSE_CUDA_FLOAT16] = active;
    }
    for (const int precision : {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16}) {
      if (groups[precision].empty()) continue;
      pass(precision, groups[precision], fresh);
      read_state(count);
    }
    fresh = false;
    group.clear();
    rough.clear();
    unsigned largest = 0;
    for (const std::uint32_t i : active) {
      if (stage_[i] != static_cast<std::uint8_t>(Stage::running) || rounds_[i] == before[i]) continue;
      if (solve_[i] == static_cast<std::uint8_t>(Solve::rough)) {
        rough.push_back(i);
        continue;
      }
      group.push_back(i);
      largest = std::max(largest, size_[i]);
    }
    if (!rough.empty()) {
      use(rough);
      timer_.time(Timer::descend, [&] { solve_roughly(batch_, stream_.get()); });
    }
    if (!rough.empty() && !group.empty()) stream_.wait();  // use() writes what may be on its way
    if (!group.empty()) {
      use(group);
      timer_.time(Timer::gram,
                  [&] { complete_gram(batch_, largest, rows_.device().shared_limit, stream_.get()); });
      timer_.time(Timer::descend, [&] { descend(batch_, largest, stream_.get()); });
      timer_.time(Timer::evaluate, [&] { evaluate(batch_, stream_.get()); });
    }
    stream_.wait();
    timer_.add();
    std::erase_if(active, [&](std::uint32_t i) {
      looks[i] = rounds_[i] == before[i] ? looks[i] + 1 : 0;
      return stage_[i] != static_cast<std::uint8_t>(Stage::running) || looks[i] == kMostLooks;
    });
  }
}

void Solver::deliver(std::size_t first, std::size_t count) {
  // No code has more entries than its set.
  const std::size_t width = *std::max_element(size_.begin(), size_.end());
  std::uint32_t* indices = set_seen_.data();
  float* values = code_seen_.data();
  timer_.time(Timer::copies, [&] {
    cuda::deliver(batch_, static_cast<unsigned>(count), counts_.data(), norms_.data(), moved_.data(),
                  stream_.get());
    stream_.rows_to_host(indices, set_.data(), kSet, count, width);
    stream_.rows_to_host(values, code_.data(), kSet, count, width);
    stream_.to_host(seen_.data(), counts_.data(), count);
    stream_.to_host(figures_seen_.data(), gap_.data(), count);
    stream_.to_host(figures_seen_.data() + count, norms_.data(), count);
    stream_.to_host(figures_seen_.data() + 2 * count, moved_.data(), count);
  });
  stream_.wait();
  timer_.add();
  std::copy_n(figures_seen_.data(), count, out_->gap + first);
  std::copy_n(figures_seen_.data() + count, count, out_->objective + first);
  std::copy_n(figures_seen_.data() + 2 * count, count, out_->squared_residual + first);
  std::copy_n(rounds_.data(), count, out_->rounds + first);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t to = first + i, found = seen_.data()[i];
    const std::size_t fits = std::min<std::size_t>(found, problem_->capacity);
    out_->count[to] = static_cast<std::uint32_t>(fits);
    out_->outcome[to] = stage_[i] == static_cast<std::uint8_t>(Stage::converged) && fits == found
                            ? UNSUPERPOSE_CUDA_CONVERGED
                            : UNSUPERPOSE_CUDA_UNFINISHED;
    std::copy_n(indices + i * width, fits, out_->indices + to * problem_->capacity);
    std::copy_n(values + i * width, fits, out_->values + to * problem_->capacity);
  }
}

void Solver::release() {
  for (Memory<float>* memory : {&samples_, &residual_, &code_, &correlation_, &gram_, &share_, &floors_,
                                &factors_[0], &factors_[1], &scale_})
    memory->free();
  thresholds_.free();
  for (Memory<double>* memory : {&lambda_, &weights_, &strongest_, &gap_, &norms_, &moved_}) memory->free();
  for (Memory<std::uint32_t>* memory : {&set_, &active_, &with_gram_, &stalled_, &state_}) memory->free();
  rounded_ = RoundedRows();
  at_.free();
  entries_.free();
  counts_.free();
  for (Memory<std::uint8_t>* memory : {&proof_, &complete_}) memory->free();
}

void Solver::run(const UnsuperposeCudaLasso& problem, UnsuperposeCudaCodes& out) {
  problem_ = &problem;
  out_ = &out;
  timer_.start(out.stages);
  in_batches(
      problem.samples.count, together_, rows_, stream_,
      [this] {
        timer_.forget();
        reserve();
        weigh();
      },
      [this](std::size_t first, std::size_t count) {
        solve(first, count);
        deliver(first, count);
      },
      [this] { release(); });
}

}  // namespace

void solve_lasso(Rows& rows, const UnsuperposeCudaLasso& problem, UnsuperposeCudaCodes& out) {
  if (problem.samples.count == 0) return;
  const OnDevice here(rows.device().index);
  std::shared_ptr<void> kept = rows.take_workspace();
  if (!kept) kept = std::make_shared<Solver>(rows);
  static_cast<Solver*>(kept.get())->run(problem, out);
  rows.keep_workspace(std::move(kept));  // not after a failure
}

}  // namespace unsuperpose::cuda
