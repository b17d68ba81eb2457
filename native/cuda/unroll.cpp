#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "in_batches.hpp"
#include "layers.hpp"

namespace unsuperpose::cuda {

namespace {

/// Lists are sorted in shared memory.
constexpr unsigned kMostCapacity = kMostListed;
/// Of fewer features so many pass that wgmma's queues overflow.
constexpr std::size_t kHopperFrom = 2048;
constexpr int kPrecision = UNSUPERPOSE_CUDA_FLOAT16;

/// What a pass over the rows of a layer needs of them.
struct Side {
  double norm = 0, moved = 0;
  Memory<float> factors;
};

class Unroller {
 public:
  explicit Unroller(Rows& atoms) : atoms_(atoms), upload_(stream_) {}

  void run(const std::vector<Rows*>& weights, const UnsuperposeCudaLayers& network);

 private:
  void reserve();
  void release();
  void weigh();
  void solve(std::size_t first, std::size_t count);
  void layer(std::size_t at, LayerBatch& batch);
  void list(const Select& select, unsigned count);
  void deliver(std::size_t first, const LayerBatch& batch);

  Rows& atoms_;
  const std::vector<Rows*>* weights_ = nullptr;
  const UnsuperposeCudaLayers* network_ = nullptr;
  unsigned capacity_ = 0;
  Stream stream_;
  Upload upload_;
  std::size_t together_ = 0;
  bool many_ = false;  // by the product that loses nothing
  std::map<Rows*, Side> sides_;
  RoundedRows rounded_;
  Memory<float> samples_, residual_, value_[2], floors_;
  Memory<std::uint32_t> index_[2];
  Memory<unsigned> size_[2], counts_;
  Memory<std::uint8_t> failed_;
  Memory<double> norms_, moved_;
  Memory<UnsuperposeCudaEntry> entries_, candidates_, packed_;
  Memory<std::uint64_t> offsets_, packed_at_;
};

void Unroller::reserve() {
  const std::size_t n = together_, dims = atoms_.dims(), lists = n * capacity_;
  samples_.reserve(n * dims);
  residual_.reserve(n * dims);
  for (int side = 0; side < 2; ++side) {
    index_[side].reserve(lists);
    value_[side].reserve(lists);
    size_[side].reserve(n);
  }
  floors_.reserve(n);
  counts_.reserve(n);
  failed_.reserve(n);
  norms_.reserve(n);
  moved_.reserve(n);
  entries_.reserve(lists);
  candidates_.reserve(lists);
  offsets_.reserve(n);
  packed_at_.reserve(n);
  std::vector<std::uint64_t> offsets(n);
  for (std::size_t i = 0; i < n; ++i) offsets[i] = i * capacity_;
  stream_.to_device(offsets_.data(), offsets.data(), n);
  stream_.wait();
}

void Unroller::release() {
  for (Memory<float>* memory : {&samples_, &residual_, &value_[0], &value_[1], &floors_}) memory->free();
  for (Memory<std::uint32_t>* memory : {&index_[0], &index_[1]}) memory->free();
  for (Memory<unsigned>* memory : {&size_[0], &size_[1], &counts_}) memory->free();
  for (Memory<UnsuperposeCudaEntry>* memory : {&entries_, &candidates_, &packed_}) memory->free();
  rounded_ = RoundedRows();
  sides_.clear();
}

void Unroller::weigh() {
  for (Rows* rows : *weights_) {
    if (sides_.contains(rows)) continue;
    Side side;  // comes to the others once it is whole: there may be too little memory for it
    const Rows::Rounded& rounded = rows->rounded(kPrecision);
    side.norm = rounded.largest_norm;
    side.moved = rounded.largest_moved;
    const std::size_t padded = padded_rows(rows->count());
    side.factors.reserve(padded);
    column_factors(rounded.rows.tiles().scales, nullptr, rows->count(), padded, side.factors.data(),
                   stream_.get());
    sides_.insert_or_assign(rows, std::move(side));
  }
}

void Unroller::list(const Select& select, unsigned count) {
  const Device& device = atoms_.device();
  const auto pass = [&](bool hopper) {
    stream_.zero(counts_.data(), count);
    select_rows(select, kPrecision, hopper, device.multiprocessors, device.shared_limit, stream_.get());
  };
  const bool hopper = device.hopper && !many_ && select.right_count >= kHopperFrom;
  pass(hopper);
  if (!hopper) return;
  std::vector<unsigned> counts(count);
  stream_.to_host(counts.data(), counts_.data(), count);
  stream_.wait();
  many_ = std::any_of(counts.begin(), counts.end(), [](unsigned listed) { return listed >= kLost; });
  if (many_) pass(false);
}

void Unroller::layer(std::size_t at, LayerBatch& batch) {
  const UnsuperposeCudaLayer& own = network_->layers[at];
  Rows& rows = *(*weights_)[at];
  const Side& side = sides_.at(&rows);
  batch.weights = rows.data();
  batch.step = own.step;
  batch.threshold = own.threshold;
  batch.most = own.most;
  batch.first = at == 0;
  batch.row_norm = side.norm;
  batch.row_moved = side.moved;
  layer_residuals(batch, stream_.get());
  rounded_.reserve(batch.count, batch.dims, kPrecision);
  round_rows(residual_.data(), nullptr, batch.count, padded_rows(batch.count), batch.dims, kPrecision,
             rounded_.tiles(), norms_.data(), moved_.data(), stream_.get());
  layer_floors(batch, stream_.get());
  Select select;
  select.left = rounded_.tiles();
  select.right = rows.rounded(kPrecision).rows.tiles();
  select.left_count = batch.count;
  select.right_count = rows.count();
  select.factors = side.factors.data();
  select.floors = floors_.data();
  select.positive_only = batch.nonnegative;
  select.entries = entries_.data();
  select.counts = counts_.data();
  select.capacity = capacity_;
  list(select, batch.count);
  layer_append(batch, stream_.get());
  Sort sort;
  sort.entries = entries_.data();
  sort.counts = counts_.data();
  sort.capacity = sort.most = capacity_;
  sort.rows = batch.count;
  sort.offsets = offsets_.data();
  sort.out = candidates_.data();
  sort_lists(sort, stream_.get());
  layer_shrink(batch, stream_.get());
  std::swap(batch.before, batch.after);
}

void Unroller::solve(std::size_t first, std::size_t count) {
  UnsuperposeCudaMatrix part = network_->samples;
  part.count = count;
  if (part.pick)
    part.pick += first;
  else
    part.data += first * part.stride;
  upload_.rows(samples_.data(), part);
  stream_.zero(failed_.data(), count);
  LayerBatch batch{};
  batch.atoms = atoms_.data();
  batch.features = static_cast<unsigned>(atoms_.count());
  batch.dims = static_cast<unsigned>(atoms_.dims());
  batch.count = static_cast<unsigned>(count);
  batch.samples = samples_.data();
  batch.residual = residual_.data();
  batch.failed = failed_.data();
  batch.capacity = capacity_;
  batch.before = {index_[0].data(), value_[0].data(), size_[0].data()};
  batch.after = {index_[1].data(), value_[1].data(), size_[1].data()};
  batch.adaptive = network_->adaptive;
  batch.nonnegative = network_->nonnegative != 0;
  batch.norms = norms_.data();
  batch.moved = moved_.data();
  batch.floors = floors_.data();
  batch.entries = entries_.data();
  batch.counts = counts_.data();
  batch.candidates = candidates_.data();
  for (std::size_t k = 0; k < network_->count; ++k) {
    if (network_->cancelled && network_->cancelled(network_->context))
      throw Failure{UNSUPERPOSE_CUDA_CANCELLED, "cancelled"};
    layer(k, batch);
  }
  deliver(first, batch);
}

void Unroller::deliver(std::size_t first, const LayerBatch& batch) {
  const std::size_t count = batch.count;
  std::vector<unsigned> sizes(count);
  std::vector<std::uint8_t> failed(count);
  stream_.to_host(sizes.data(), batch.before.size, count);
  stream_.to_host(failed.data(), failed_.data(), count);
  stream_.wait();
  std::vector<std::uint64_t> offsets(count);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    offsets[i] = total;
    total += sizes[i];
  }
  // Never empty: a null pointer says that a sample failed.
  std::vector<UnsuperposeCudaEntry> codes(std::max<std::uint64_t>(total, 1));
  packed_.reserve(total);
  stream_.to_device(packed_at_.data(), offsets.data(), count);
  pack_codes(batch.before, batch.count, capacity_, packed_at_.data(), packed_.data(), stream_.get());
  stream_.to_host(codes.data(), packed_.data(), total);
  stream_.wait();
  for (std::size_t i = 0; i < count; ++i)
    network_->take(network_->context, first + i, failed[i] != 0 ? nullptr : codes.data() + offsets[i],
                   sizes[i]);
}

void Unroller::run(const std::vector<Rows*>& weights, const UnsuperposeCudaLayers& network) {
  weights_ = &weights;
  network_ = &network;
  capacity_ = std::min(network.capacity, kMostCapacity);
  sides_.clear();  // rows may have come and gone
  many_ = false;
  in_batches(
      network.samples.count, together_, atoms_, stream_,
      [this] {
        reserve();
        weigh();
      },
      [this](std::size_t first, std::size_t count) { solve(first, count); }, [this] { release(); });
}

}  // namespace

void run_layers(Rows& atoms, const std::vector<Rows*>& weights, const UnsuperposeCudaLayers& network) {
  if (network.samples.count == 0) return;
  const OnDevice here(atoms.device().index);
  std::shared_ptr<void> kept = atoms.take_workspace(Rows::kLayers);
  if (!kept) kept = std::make_shared<Unroller>(atoms);
  static_cast<Unroller*>(kept.get())->run(weights, network);
  atoms.keep_workspace(std::move(kept), Rows::kLayers);  // not after a failure
}

}  // namespace unsuperpose::cuda
