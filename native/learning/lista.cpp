#include "lista.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "../kernels/reduce/reduce.hpp"
#include "../scoring/scorer.hpp"
#include "../solvers/batch.hpp"
#include "../solvers/code_figures.hpp"
#include "lista_device.hpp"
#include "lista_network.hpp"

namespace unsuperpose {

namespace {

using lista::Codes;
using lista::DeviceNetwork;
using lista::Network;

/// Samples whose layers are run together: blocks enough for many threads.
constexpr std::size_t kAhead = 4096;
/// Samples whose figures are one task; atoms scored exactly for a gap, beyond the support.
constexpr std::size_t kTogether = 16, kSpare = 16;
/// The same on a device, where a longer list costs more than its bound is worth.
constexpr std::size_t kMostListed = 64;

/// Codes of up to kAhead samples, block after block.
struct Ahead {
  std::size_t first = 0, end = 0;  // samples of the call
  std::size_t rows = 0;            // of a block
  std::vector<Codes> blocks;
  std::vector<std::vector<std::uint8_t>> overflows;  // 1: of a block's samples that have no codes for it
};

/// The network as a method of unfolding: its codes, and the figures that every answer has.
class Unrolled final : public Method {
 public:
  Unrolled(const Network& network, const DeviceNetwork& on_devices, ConstMatrix32 x,
           const ListaUnfoldOptions& options)
      : network_(network), on_devices_(on_devices), x_(x), options_(options) {}

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override {
    if (Status status = check_dims(samples, dictionary); !status.ok()) return status;
    if (options_.layers == 0 || options_.layers > network_.at.layers)
      return Status::fail(Code::option, "layers must be between 1 and those of the network");
    return options_.lambda.empty() ? Status{} : check_lambda(options_.lambda, samples.rows);
  }
  std::span<const double> lambdas() const override { return options_.lambda; }
  double tolerance_of_gap() const override {
    return options_.lambda.empty() ? std::numeric_limits<double>::infinity() : options_.tolerance;
  }
  /// The network runs there, or its codes are judged there.
  bool uses_device(const Dictionary&) const override {
    return on_devices_.in_range() || !options_.lambda.empty();
  }
  BatchSolver start(const Dictionary& dictionary, std::size_t, const Execution& execution) const override {
    return
        [&, this, ahead = std::make_shared<Ahead>(),
         scorer = std::make_shared<scoring::Scorer>(
             dictionary.rows(options_.lambda.empty() ? nullptr : execution.device), no_weights_,
             network_.at.nonnegative, execution.device ? scoring::Ladder::finest : scoring::Ladder::float32)](
            const ScaledBatch& batch, std::size_t first, std::vector<SampleResult>& out) {
          if (first >= ahead->end)
            if (Status status = run_ahead(first, execution, *ahead); !status.ok()) return status;
          for (std::size_t i = 0; i < batch.count(); ++i) take(*ahead, first + i, out[i]);
          figures(batch, dictionary, *scorer, execution, out);
          if (execution.cancelled()) return Status::cancelled();
          execution.advance(batch.count());
          return Status{};
        };
  }

 private:
  Status run_ahead(std::size_t first, const Execution& execution, Ahead& out) const {
    out.first = first;
    out.end = std::min(x_.rows, first + kAhead);
    const ConstMatrix32 x = x_.slice(first, out.end - first);
    Status status = execution.device && on_devices_.in_range() ? run_on_device(x, execution, out)
                                                               : run_here(x, execution, out);
    if (!status.ok()) return status;
    // Codes of unit atoms and scaled samples become those of the atoms as given; a value that float32 has no number for is an overflow too.
    for (std::size_t b = 0; b < out.blocks.size(); ++b) {
      Codes& codes = out.blocks[b];
      for (std::size_t i = 0; i < codes.samples(); ++i) {
        std::uint8_t& overflow = out.overflows[b][i];
        for (std::size_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e) {
          const double unit = network_.at.scale * network_.norms[codes.index[e]];
          codes.value[e] = static_cast<float>(static_cast<double>(codes.value[e]) / unit);
          if (!std::isfinite(codes.value[e])) overflow = 1;
        }
        if (overflow && options_.refuse_overflow) return overflowed(first + b * out.rows + i);
      }
    }
    return {};
  }

  /// x' of some samples; `kept` holds it where there is a scale.
  ConstMatrix32 scaled(ConstMatrix32 x, AlignedBuffer<float>& kept) const {
    if (network_.at.scale == 1) return x;
    kept = AlignedBuffer<float>(x.rows * x.cols);
    for (std::size_t i = 0; i < x.rows; ++i)
      for (std::size_t d = 0; d < x.cols; ++d)
        kept[i * x.cols + d] = static_cast<float>(network_.at.scale * static_cast<double>(x.row(i)[d]));
    return {kept.data(), x.rows, x.cols};
  }

  Status run_here(ConstMatrix32 x, const Execution& execution, Ahead& out) const {
    out.rows = lista::block_rows(network_);
    const std::size_t count = (x.rows + out.rows - 1) / out.rows;
    out.blocks.assign(count, {});
    out.overflows.assign(count, {});
    execution.for_each(count, [&](std::size_t b) {
      const std::size_t from = b * out.rows, rows = std::min(out.rows, x.rows - from);
      AlignedBuffer<float> kept;
      lista::run_layers(network_, scaled(x.slice(from, rows), kept), options_.layers, out.blocks[b], nullptr,
                        &out.overflows[b]);
    });
    return execution.cancelled() ? Status::cancelled() : Status{};
  }

  /// The same; what the device leaves is run here.
  Status run_on_device(ConstMatrix32 x, const Execution& execution, Ahead& out) const {
    out.rows = 1;
    out.overflows.assign(x.rows, std::vector<std::uint8_t>(1));
    AlignedBuffer<float> kept;
    std::vector<std::uint32_t> left;
    if (Status status = on_devices_.run(scaled(x, kept), options_.layers, execution, out.blocks, left);
        !status.ok())
      return status;
    if (left.empty()) return {};
    AlignedBuffer<float> rows(left.size() * x.cols);
    for (std::size_t i = 0; i < left.size(); ++i)
      std::copy_n(x.row(left[i]), x.cols, rows.data() + i * x.cols);
    Ahead here;
    if (Status status = run_here({rows.data(), left.size(), x.cols}, execution, here); !status.ok())
      return status;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const std::size_t block = i / here.rows, row = i % here.rows;
      const Codes& from = here.blocks[block];
      const auto first = static_cast<std::ptrdiff_t>(from.begin[row]),
                 end = static_cast<std::ptrdiff_t>(from.begin[row + 1]);
      Codes& to = out.blocks[left[i]];
      to.begin = {0, static_cast<std::uint32_t>(end - first)};
      to.index.assign(from.index.begin() + first, from.index.begin() + end);
      to.value.assign(from.value.begin() + first, from.value.begin() + end);
      out.overflows[left[i]][0] = here.overflows[block][row];
    }
    return {};
  }

  static Status overflowed(std::size_t sample) {
    return Status::fail(Code::not_finite, "sample " + std::to_string(sample) +
                                              " overflows float32 in the layers of the network");
  }

  static void take(const Ahead& ahead, std::size_t sample, SampleResult& out) {
    const std::size_t block = (sample - ahead.first) / ahead.rows, row = (sample - ahead.first) % ahead.rows;
    const Codes& codes = ahead.blocks[block];
    out.outcome = Outcome::iterations;
    if (ahead.overflows[block][row]) {
      out.outcome = Outcome::diverged;
      return;
    }
    for (std::size_t e = codes.begin[row]; e < codes.begin[row + 1]; ++e) {
      if (codes.value[e] == 0) continue;
      out.indices.push_back(codes.index[e]);
      out.values.push_back(codes.value[e]);
    }
  }

  /// Residual and objective of the codes that are there; with λ the gap, too.
  void figures(const ScaledBatch& batch, const Dictionary& dictionary, scoring::Scorer& scorer,
               const Execution& execution, std::vector<SampleResult>& out) const {
    const std::size_t stride = batch.samples().stride;
    const bool certifies = !options_.lambda.empty();
    AlignedBuffer<float> residuals(batch.count() * stride);
    std::vector<Evaluation> at(batch.count());
    std::vector<std::uint32_t> rows(batch.count());
    execution.for_items(
        batch.count(), kTogether, [] { return std::vector<float>(); },
        [&](std::size_t i, std::vector<float>& values) {
          const SampleResult& result = out[i];
          values.clear();
          for (std::size_t e = 0; e < result.indices.size(); ++e)
            values.push_back(batch.start(i, result.indices[e], static_cast<double>(result.values[e])));
          at[i] = evaluate_code(batch.samples().row(i), batch.squared_norm(i), result.indices, values,
                                dictionary, residuals.data() + i * stride);
          rows[i] = static_cast<std::uint32_t>(i);
        });
    if (execution.cancelled()) return;
    std::vector<double> strongest;
    if (certifies) {
      std::size_t largest = 0;
      for (const SampleResult& result : out) largest = std::max(largest, result.indices.size());
      const ConstMatrix32 left{residuals.data(), batch.count(), dictionary.dims(), stride};
      // A device lists by its own scores, which are settled in float64 all the same.
      const bool device = execution.device != nullptr;
      strongest_correlations(scorer, dictionary, left, rows, at,
                             device ? std::min(largest + kSpare, kMostListed) : largest + kSpare, execution,
                             strongest, device ? 0 : scorer.last_rung());
      if (execution.cancelled()) return;
    }
    for (std::size_t i = 0; i < batch.count(); ++i) {
      SampleResult& result = out[i];
      const double lambda = certifies ? batch.lambda(i) : 0;
      result.gap =
          certifies ? relative_gap(at[i], lambda, 0, strongest[i]) : std::numeric_limits<double>::quiet_NaN();
      if (result.outcome != Outcome::diverged && result.gap <= options_.tolerance)
        result.outcome = Outcome::converged;
      result.iterations = static_cast<std::uint32_t>(options_.layers);
      batch.finish(i, {}, at[i].objective(lambda, 0), at[i].squared_residual, result);
    }
  }

  const Network& network_;
  const DeviceNetwork& on_devices_;
  ConstMatrix32 x_;
  const ListaUnfoldOptions& options_;
  const std::vector<float> no_weights_;
};

template <class T>
std::size_t bytes_in(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

}  // namespace

struct Lista::State {
  Network network;
  std::shared_ptr<const Dictionary> dictionary;  // the atoms as given: what codes are judged by
  std::unique_ptr<const DeviceNetwork> on_devices;
};

Lista::Lista() : state_(std::make_unique<State>()) {}
Lista::~Lista() = default;

Status Lista::make(ListaParameters parameters, std::shared_ptr<const Lista>& out) {
  const std::shared_ptr<Lista> made(new Lista);
  State& state = *made->state_;
  if (Status status = lista::make_network(std::move(parameters), Execution{}, state.network); !status.ok())
    return status;
  const ListaParameters& p = state.network.at;
  if (Status status = Dictionary::make({p.dictionary.data(), p.features, p.dims}, false, state.dictionary);
      !status.ok())
    return status;
  state.on_devices = std::make_unique<const DeviceNetwork>(state.network);
  out = made;
  return {};
}

const ListaParameters& Lista::parameters() const { return state_->network.at; }

std::size_t Lista::bytes() const {
  const Network& network = state_->network;
  const ListaParameters& p = network.at;
  std::size_t bytes = bytes_in(p.dictionary) + bytes_in(p.forward) + bytes_in(p.recurrent) +
                      network.atoms.bytes() + bytes_in(network.norms) + bytes_in(network.leverage) +
                      state_->dictionary->bytes();
  for (const product::PackedRows& packed : network.packed) bytes += packed.bytes();
  return bytes;
}

Status Lista::unfold(ConstMatrix32 x, const ListaUnfoldOptions& options, const Execution& execution,
                     Unfolding& out) const {
  if (execution.device)
    if (const char* why = lista::not_on_devices(state_->network.at)) return Status::fail(Code::option, why);
  const Unrolled method(state_->network, *state_->on_devices, x, options);
  return unsuperpose::unfold(Samples(x), *state_->dictionary, method, execution, out);
}

}  // namespace unsuperpose
