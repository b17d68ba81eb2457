#include "trainer.hpp"

#include <algorithm>
#include <cmath>

namespace unsuperpose::cuda {

namespace {

std::size_t padded(std::size_t entries) { return (entries + 3) / 4 * 4; }

}  // namespace

void Trainer::Tensor::reserve(std::size_t rows_, std::size_t stride_) {
  rows = rows_;
  stride = stride_;
  data.reserve(3 * rows * stride);
}

Weights Trainer::Tensor::weights() const {
  const std::size_t size = rows * stride;
  return {data.data(), data.data() + size, data.data() + 2 * size};
}

void Trainer::EntryMemory::reserve(std::size_t samples, std::size_t n, std::size_t features) {
  if (n > 0xffffffffu) throw Failure{UNSUPERPOSE_CUDA_MEMORY, "more codes than 2³² − 1 in a batch"};
  if (samples + 1 > first.size()) each = 0;
  for (Memory<unsigned>* one : {&first, &count}) one->reserve(samples + 1);
  for (Memory<unsigned>* one : {&index, &sample, &placed}) one->reserve(n);
  for (Memory<float>* one : {&value, &pull}) one->reserve(n);
  uses.reserve(n);
  start.reserve(features + 1);
  next.reserve(features);
  part_start.reserve(features);
  part_count.reserve(1);
  // A list of more than kLongUses has at most one part more than whole ones.
  const std::size_t parts = n / kPartUses + n / kLongUses + 1;
  part_feature.reserve(parts);
  decoder_parts.reserve(parts * depth);
  encoder_parts.reserve(parts * width);
}

void Trainer::EntryMemory::place(std::size_t samples, std::size_t each_, std::size_t features,
                                 const Stream& stream) {
  reserve(samples, samples * each_, features);
  if (each == each_) return;
  each = each_;
  std::vector<unsigned> starts(first.size());
  for (std::size_t i = 0; i < starts.size(); ++i) starts[i] = static_cast<unsigned>(i * each);
  stream.to_device(first.data(), starts.data(), starts.size());
  stream.wait();  // `starts` ends here
}

Entries Trainer::EntryMemory::entries() const {
  Entries all;
  all.first = first.data();
  all.count = count.data();
  all.index = index.data();
  all.sample = sample.data();
  all.value = value.data();
  all.pull = pull.data();
  all.start = start.data();
  all.next = next.data();
  all.placed = placed.data();
  all.uses = uses.data();
  all.part_start = part_start.data();
  all.part_feature = part_feature.data();
  all.part_count = part_count.data();
  all.decoder_parts = decoder_parts.data();
  all.encoder_parts = encoder_parts.data();
  return all;
}

Trainer::Trainer(const Device& device, const UnsuperposeCudaTraining& options)
    : device_(device), options_(options), upload_(copying_) {
  const std::size_t features = options.features;
  Training& t = training_;
  t.features = static_cast<unsigned>(features);
  t.inputs = static_cast<unsigned>(options.inputs);
  t.outputs = static_cast<unsigned>(options.outputs);
  t.constants = options.architecture == UNSUPERPOSE_CUDA_JUMP_RELU ? 2 : 1;
  t.width = static_cast<unsigned>(padded(options.inputs + t.constants));
  t.depth = static_cast<unsigned>(padded(options.outputs));
  t.subtract_bias = options.subtract_bias != 0;
  t.aligned = options.aligned != 0;
  t.jumps = options.architecture == UNSUPERPOSE_CUDA_JUMP_RELU;
  t.target_l0 = options.target_l0;
  t.bandwidth = static_cast<float>(options.bandwidth);
  t.clip = options.clip;
  t.dead_after = options.dead_after;
  encoder_.reserve(features, t.width);
  decoder_.reserve(features, t.depth);
  bias_.reserve(1, t.depth);
  if (t.jumps) threshold_.reserve(1, padded(features));
  for (const Tensor* one : {&encoder_, &decoder_, &bias_, &threshold_})
    stream_.zero(one->data.data(), one->data.size());
  t.encoder = encoder_.weights();
  t.decoder = decoder_.weights();
  t.bias = bias_.weights();
  t.threshold = threshold_.weights();
  rounded_.reserve(features, t.width, UNSUPERPOSE_CUDA_FLOAT16);
  factors_.reserve(padded_rows(features));
  row_norms_.reserve(features);
  row_moved_.reserve(features);
  t.tiles = rounded_.tiles();
  for (EntryMemory* one : {&active_, &revived_, &crowd_}) {
    one->width = one == &crowd_ ? 0 : t.width;  // nothing is learned from those of the last
    one->depth = one == &crowd_ ? 0 : t.depth;
  }
  t.factors = factors_.data();
  t.row_norms = row_norms_.data();
  t.row_moved = row_moved_.data();
  last_used_.reserve(features);
  usage_.reserve(features);
  dead_flags_.reserve(features + 1);
  dead_.reserve(features);
  stream_.zero(dead_flags_.data(), features + 1);
  t.last_used = last_used_.data();
  t.usage = usage_.data();
  t.dead_before = dead_flags_.data();
  t.dead = dead_.data();

  const std::size_t blocks = (features + kFeaturesTogether - 1) / kFeaturesTogether;
  bias_parts_.reserve(blocks * t.depth);
  square_parts_.reserve(3 * blocks);
  bound_parts_.reserve(3 * blocks);
  for (Memory<double>* one : {&target_mean_, &target_apart_, &residual_sums_, &bias_sums_})
    one->reserve(options.outputs);
  outcome_.reserve(1);
  t.bias_parts = bias_parts_.data();
  t.square_parts = square_parts_.data();
  t.bound_parts = bound_parts_.data();
  t.target_mean = target_mean_.data();
  t.target_apart = target_apart_.data();
  t.residual_sums = residual_sums_.data();
  t.bias_sums = bias_sums_.data();
  t.outcome = outcome_.data();
  seen_.reserve(1);
  failed_seen_.reserve(1);
  mean_seen_.reserve(options.outputs);
}

/// What is on its way uses the memory that goes.
Trainer::~Trainer() {
  (void)cudaStreamSynchronize(copying_.get());
  (void)cudaStreamSynchronize(stream_.get());
}

/// Rows of the host, `stride` floats apart, through pinned memory.
void Trainer::copy(const Tensor& tensor, const UnsuperposeCudaTensor& host, bool to_device) {
  constexpr std::size_t kBytes = std::size_t{16} << 20;
  const std::size_t stride = tensor.stride, together = std::max<std::size_t>(1, kBytes / 4 / stride);
  Pinned<float> buffer;
  buffer.reserve(std::min<std::size_t>(together, host.rows) * stride);
  float* const parts[] = {host.values, host.first, host.second};
  for (std::size_t part = 0; part < 3; ++part)
    for (std::size_t first = 0; parts[part] && first < host.rows; first += together) {
      const std::size_t count = std::min<std::size_t>(together, host.rows - first);
      float* const on_device = tensor.data.data() + (part * tensor.rows + first) * stride;
      float* const own = parts[part] + first * host.stride;
      if (to_device) {
        std::fill_n(buffer.data(), count * stride, 0.0f);
        for (std::size_t i = 0; i < count; ++i)
          std::copy_n(own + i * host.stride, host.cols, buffer.data() + i * stride);
        stream_.to_device(on_device, buffer.data(), count * stride);
        stream_.wait();
      } else {
        stream_.to_host(buffer.data(), on_device, count * stride);
        stream_.wait();
        for (std::size_t i = 0; i < count; ++i)
          std::copy_n(buffer.data() + i * stride, host.cols, own + i * host.stride);
      }
    }
}

void Trainer::write(const UnsuperposeCudaTrained& from) {
  const OnDevice here(device_.index);
  const Training& t = training_;
  copy(encoder_, from.encoder, true);
  copy(decoder_, from.decoder, true);
  copy(bias_, from.bias, true);
  if (t.jumps) {
    copy(threshold_, from.threshold, true);
    set_margins(t, stream_.get());
  }
  stream_.to_device(last_used_.data(), from.last_used, t.features);
  stream_.to_device(usage_.data(), from.usage, t.features);
  stream_.to_device(dead_.data(), from.dead, from.dead_count);
  dead_count_ = from.dead_count;
  const std::size_t padded_features = padded_rows(t.features);
  round_rows(t.encoder.values, nullptr, t.features, padded_features, t.width, UNSUPERPOSE_CUDA_FLOAT16,
             t.tiles, row_norms_.data(), row_moved_.data(), stream_.get());
  column_factors(t.tiles.scales, nullptr, t.features, padded_features, factors_.data(), stream_.get());
  stream_.wait();
  begun_ = 0;
  guess_ = 0;
  faulty_ = 0;
  together_ = kAllTogether;
  score_bytes_ = kScoreBytes;
  alternates_ = true;
}

void Trainer::read(UnsuperposeCudaTrained& to) {
  const OnDevice here(device_.index);
  const Training& t = training_;
  copy(encoder_, to.encoder, false);
  copy(decoder_, to.decoder, false);
  copy(bias_, to.bias, false);
  if (t.jumps) copy(threshold_, to.threshold, false);
  stream_.to_host(to.last_used, last_used_.data(), t.features);
  stream_.to_host(to.usage, usage_.data(), t.features);
  stream_.to_host(to.dead, dead_.data(), dead_count_);
  to.dead_count = dead_count_;
  stream_.wait();
}

void Trainer::reserve(std::size_t n) {
  Training& t = training_;
  t.samples = static_cast<unsigned>(n);
  input_.reserve(n * t.width);
  residual_.reserve(n * t.depth);
  for (Memory<double>* one : {&input_squares_, &squares_, &norms_, &moved_}) one->reserve(n);
  weakest_.reserve(n);
  for (Memory<unsigned>* one : {&actives_, &failed_, &counts_}) one->reserve(n);
  const std::size_t blocks = (t.features + kFeaturesTogether - 1) / kFeaturesTogether;
  const auto parts = [](std::size_t rows) { return (rows + kRowsTogether - 1) / kRowsTogether; };
  partial_.reserve(std::max(2 * parts(n), parts(blocks)) * t.outputs);
  t.input = input_.data();
  t.residual = residual_.data();
  t.input_squares = input_squares_.data();
  t.squares = squares_.data();
  t.weakest = weakest_.data();
  t.actives = actives_.data();
  t.partial = partial_.data();
}

/// A stream of its own copies, while the step before is computed.
void Trainer::upload(const UnsuperposeCudaStep& step) {
  Training& t = training_;
  const std::size_t n = step.samples.count;
  Memory<float>&own = given_[turn_], &target = given_target_[turn_];
  own.reserve(n * t.inputs);
  if (step.targets.data) target.reserve(n * t.outputs);
  upload_.rows(own.data(), step.samples);
  t.given = own.data();
  t.given_target = nullptr;
  if (step.targets.data) {
    upload_.rows(target.data(), step.targets);
    t.given_target = target.data();
  }
  arrived_.record(copying_.get());
  arrived_.wait();  // the samples may go away
  if (alternates_) turn_ ^= 1;
}

/// Where two batches have no place, one at a time: the step before has ended then.
void Trainer::upload_alone(const UnsuperposeCudaStep& step) {
  if (alternates_) {
    alternates_ = false;
    given_[turn_].free();
    given_target_[turn_].free();
    turn_ ^= 1;  // the other may be large enough
  }
  with_room([&] { upload(step); });
}

void Trainer::step(const UnsuperposeCudaStep& step, UnsuperposeCudaReport& before) {
  const OnDevice here(device_.index);
  Training& t = training_;
  if (faulty_) return collect(before);
  before.number = 0;
  bool there = false;
  if (alternates_) {
    try {
      upload(step);
      there = true;
    } catch (const Failure& failure) {
      if (failure.code != UNSUPERPOSE_CUDA_MEMORY) throw;
    }
  }
  // What the step before uses must not move.
  collect(before);
  if (faulty_) return;
  if (!there) upload_alone(step);
  with_room([&] { reserve(step.samples.count); });
  t.input_scale = step.input_scale;
  t.target_scale = step.target_scale;
  const cudaStream_t stream = stream_.get();
  mark(kCopy);
  check(cudaStreamWaitEvent(stream, arrived_.get()), "waiting for a copy");
  for (const Stage stage : {kPrepare, kSample, kSelect, kChoose, kAgain})
    mark(stage);  // where none comes later
  stream_.zero(t.outcome, 1);
  prepare(t, stream);
  column_spreads(t.given_target ? t.given_target : t.given, t.samples, t.outputs, t.partial, t.target_mean,
                 t.target_apart, stream);
  t.lambda = step.lambda;
  const Side all{nullptr, t.features, t.tiles, t.factors, true};
  const auto k = static_cast<unsigned>(std::min<std::uint64_t>(step.k, t.features));
  switch (options_.architecture) {
    case UNSUPERPOSE_CUDA_BATCH_TOP_K: encode_together(all, k, guess_ > 0 ? guess_ : step.guess); break;
    case UNSUPERPOSE_CUDA_JUMP_RELU: encode_above(all, 0, active_); break;
    default: encode(all, k, active_); break;
  }
  t.active = active_.entries();
  mark(kDecode);
  Decoding decoding;
  decoding.base = t.residual;
  decoding.residual = t.residual;
  decoding.squares = t.squares;
  decoding.entries = t.active;
  decode(t, decoding, stream);
  mark(kRevive);
  t.revives = dead_count_ > 0 && options_.auxiliary > 0;
  if (t.revives) revive();
  conclude(t, stream);
  mark(kSort);
  transpose(t.active, t.samples, t.features, stream);
  const auto mean = static_cast<float>(1.0 / static_cast<double>(t.samples));
  add_parts(t, t.active, -mean, t.residual, stream);
  if (t.revives) {
    transpose(t.revived, t.samples, t.features, stream);
    add_parts(t, t.revived, -(mean * t.dead_share), t.dead_residual, stream);
  }
  mark(kMeasure);
  bound_gradient(t, stream);
  measure_gradient(t, stream);
  mark(kUpdate);
  const Adam adam{step.rate, step.beta1, step.beta2, step.correction, step.epsilon};
  update(t, adam, step.number, stream);
  mark(kStages);
  stream_.to_host(seen_.data(), t.outcome, 1);
  stream_.to_host(mean_seen_.data(), t.target_mean, t.outputs);
  done_.record(stream);
  begun_ = step.number;
  begun_samples_ = step.samples.count;
}

void Trainer::collect(UnsuperposeCudaReport& report) {
  if (faulty_) {  // of all that comes after
    report.number = faulty_;
    report.fault = fault_;
    return;
  }
  report.number = begun_;
  if (begun_ == 0) return;
  done_.wait();
  const Outcome& seen = *seen_.data();
  report.samples = begun_samples_;
  report.active = seen.active;
  report.dead = dead_count_ = seen.dead;
  report.loss = seen.loss;
  report.squared_residual = seen.squared_residual;
  report.weakest = guess_ = seen.weakest;
  report.gradient_norm = seen.gradient_norm;
  report.squared_apart = seen.squared_apart;
  report.fault = static_cast<std::int32_t>(seen.fault);
  if (report.target_mean) std::copy_n(mean_seen_.data(), options_.outputs, report.target_mean);
  for (int stage = 0; stage < kStages; ++stage)
    report.stages[stage] = stages_[stage + 1].since(stages_[stage]);
  report.stages[kStages] = stages_[kStages].since(stages_[0]);
  if (seen.fault != kNone) {
    faulty_ = begun_;
    fault_ = report.fault;
  }
  begun_ = 0;
}

void Trainer::settle(UnsuperposeCudaReport& last) {
  const OnDevice here(device_.index);
  collect(last);
}

}  // namespace unsuperpose::cuda
