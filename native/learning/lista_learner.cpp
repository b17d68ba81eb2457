#include "lista_learner.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "../kernels/reduce/reduce.hpp"
#include "lista_state.hpp"

namespace unsuperpose {

namespace {

/// Samples that training begins from.
constexpr std::size_t kFirst = 512;
/// Samples to validate on, drawn where there is a prior: no training batch has this number.
constexpr std::size_t kValidation = 1000;
constexpr std::uint64_t kValidationNumber = ~std::uint64_t{0};

Status fail(const std::string& message) { return Status::fail(Code::option, message); }

Status check(ConstMatrix32 dictionary, const ListaOptions& o, const ListaPrior* prior) {
  if (dictionary.rows == 0 || dictionary.cols == 0)
    return Status::fail(Code::shape, "dictionary must have at least one atom and one dim");
  if (dictionary.rows > 0x7fffffff) return fail("features must be between 1 and 2³¹ − 1");
  for (std::size_t j = 0; j < dictionary.rows; ++j)
    if (!reduce::table().all_finite(dictionary.row(j), dictionary.cols))
      return Status::fail(Code::not_finite, "dictionary holds NaN or Infinity");
  if (o.layers == 0) return fail("layers must be at least 1");
  if (!(o.rate > 0) || !(o.clip > 0)) return fail("learningRate and clip must be > 0");
  if (!(o.lambda >= 0) || !(o.adaptive >= 0) || !(o.first_threshold >= 0))
    return fail("lambda, adaptive and threshold must be ≥ 0");
  if (o.adaptive > 0 && static_cast<float>(o.adaptive) == 0)
    return fail("adaptive must be 0 or a number of float32");
  if (!(o.ridge >= 0) || std::isinf(o.ridge)) return fail("ridge must be finite and ≥ 0");
  if (!(o.selection >= 0) || !(o.most_selected >= 0) || !(o.most_selected <= 100))
    return fail("selection must be ≥ 0, mostSelected between 0 and 100");
  if (o.batch_size == 0) return fail("batchSize must be at least 1");
  if (o.schedule == ListaSchedule::layer_wise && o.planned == 0 && o.patience == 0)
    return fail("layer-wise training needs planned steps of a stage, or patience");
  if (prior && (!(prior->density >= 0) || !(prior->density <= 1) || std::isnan(prior->snr)))
    return fail("density must be between 0 and 1, and snr a number");
  return {};
}

double decibels(double ratio) { return 10 * static_cast<double>(log10f(static_cast<float>(ratio))); }

/// Supervised errors in dB, others as they are. What cannot be told (NaN) stays so.
double figure(double relative, bool supervised) { return supervised ? decibels(relative) : relative; }

}  // namespace

Status ListaLearner::State::step(ConstMatrix32 input, const SparseCodes* codes, const Execution& execution) {
  if (!begun) {
    const ConstMatrix32 some = input.slice(0, std::min(kFirst, input.rows));
    SparseCodes of_some;
    if (codes) {
      of_some = *codes;
      of_some.indptr.resize(some.rows + 1);
      of_some.indices.resize(of_some.indptr.back());
      if (of_some.wide.empty()) of_some.values.resize(of_some.indptr.back());
    }
    if (Status status = begin(some, codes ? &of_some : nullptr, execution); !status.ok()) return status;
  }
  if (Status status = scale(input, codes, execution, batch); !status.ok()) return status;
  lista::Outcome outcome;
  if (hyper()) {
    if (Status status = refine(execution, outcome); !status.ok()) return status;
    return observe(outcome, 0, execution);
  }
  if (fits_layer && !(options.first_threshold > 0)) {
    if (Status status = fit_layer(part().depth - 1, batch, execution); !status.ok()) return status;
  }
  fits_layer = false;
  if (Status status =
          pass.run(network, weights, objective, batch, part(), options.memory, execution, gradients, outcome);
      !status.ok())
    return status;
  if (outcome.overflow < batch.x.count || !std::isfinite(outcome.loss))
    return fail("training exploded in step " + std::to_string(steps + 1) +
                ": the codes are not finite; try a smaller learningRate, or clip");
  double norm = 0;
  if (Status status = update(execution, norm); !status.ok()) return status;
  return observe(outcome, norm, execution);
}

ListaLearner::ListaLearner() = default;
ListaLearner::~ListaLearner() = default;

Status ListaLearner::make(ConstMatrix32 dictionary, const ListaOptions& options, const ListaPrior* prior,
                          std::unique_ptr<ListaLearner>& out) {
  if (Status status = check(dictionary, options, prior); !status.ok()) return status;
  std::unique_ptr<ListaLearner> made(new ListaLearner());
  made->state_ = std::make_unique<State>();
  State& state = *made->state_;
  state.options = options;
  if (prior) state.prior = *prior;
  ListaParameters& given = state.given;
  given.weights = options.weights;
  given.nonnegative = options.nonnegative;
  const bool hyper = options.weights == ListaWeights::hyper;
  given.adaptive = hyper ? 0 : options.adaptive;
  given.ridge = hyper ? options.ridge : 0;
  given.layers = options.layers;
  given.features = dictionary.rows;
  given.dims = dictionary.cols;
  for (std::size_t j = 0; j < dictionary.rows; ++j)
    given.dictionary.insert(given.dictionary.end(), dictionary.row(j), dictionary.row(j) + dictionary.cols);
  if (prior) {
    std::vector<float> x;
    SparseCodes codes;
    draw_samples(*prior, options.nonnegative, state.dictionary(), options.seed, kValidationNumber,
                 kValidation, {}, x, codes);
    if (Status status = made->validate_on({x.data(), kValidation, given.dims}, &codes); !status.ok())
      return status;
  }
  out = std::move(made);
  return {};
}

std::size_t ListaLearner::wants() const {
  const State& state = *state_;
  return state.begun || state.prior || state.supervised() ? 0 : kFirst;
}

Status ListaLearner::start(const Batch& first, const Execution& execution) {
  State& state = *state_;
  if (wants() == 0 || first.input.rows == 0) return {};
  if (first.input.cols != state.given.dims)
    return Status::fail(Code::shape, "activations have the wrong number of dims");
  const ConstMatrix32 input = counted(first, state.kept);
  if (input.rows == 0) return {};
  return state.begin(input.slice(0, std::min(kFirst, input.rows)), nullptr, execution);
}

Status ListaLearner::validate_on(ConstMatrix32 input, const SparseCodes* codes) {
  State& state = *state_;
  if (input.cols != state.given.dims)
    return Status::fail(Code::shape, "validation samples have the wrong number of dims");
  if (state.supervised() && (!codes || codes->indptr.size() != input.rows + 1))
    return Status::fail(Code::shape, "validation samples of supervised training need codes");
  State::Holdout& holdout = state.holdout;
  holdout = {};
  holdout.there = input.rows > 0;
  holdout.input = lista::Rows(input.rows, input.cols);
  for (std::size_t i = 0; i < input.rows; ++i) std::copy_n(input.row(i), input.cols, holdout.input.row(i));
  if (state.supervised()) holdout.codes = *codes;
  return {};
}

Status ListaLearner::feed(const Batch& batch, const Execution& execution) {
  State& state = *state_;
  if (state.finished) return {};
  if (state.prior) {
    std::vector<float> x;
    SparseCodes codes;
    const std::size_t rows = state.options.batch_size;
    draw_samples(*state.prior, state.options.nonnegative, state.dictionary(), state.options.seed, state.steps,
                 rows, execution, x, codes);
    if (execution.cancelled()) return Status::cancelled();
    return state.step({x.data(), rows, state.given.dims}, state.supervised() ? &codes : nullptr, execution);
  }
  if (state.supervised()) return fail("supervised training needs the codes of each batch");
  if (batch.input.cols != state.given.dims)
    return Status::fail(Code::shape, "activations have the wrong number of dims");
  if (batch.target.rows > 0) return Status::fail(Code::shape, "an unrolled network has no targets");
  const ConstMatrix32 input = counted(batch, state.kept);
  return input.rows > 0 ? state.step(input, nullptr, execution) : Status{};
}

Status ListaLearner::feed_codes(ConstMatrix32 input, const SparseCodes& codes, const Execution& execution) {
  State& state = *state_;
  if (state.finished || input.rows == 0) return {};
  if (!state.supervised()) return feed({input, {}, nullptr}, execution);
  if (state.prior) return fail("samples are drawn from the prior");
  if (input.cols != state.given.dims)
    return Status::fail(Code::shape, "activations have the wrong number of dims");
  if (codes.indptr.size() != input.rows + 1)
    return Status::fail(Code::shape, "there must be as many codes as activations");
  return state.step(input, &codes, execution);
}

ListaStatistics ListaLearner::statistics() {
  State& state = *state_;
  const bool supervised = state.supervised();
  ListaStatistics result;
  result.steps = state.steps;
  result.samples = state.samples;
  result.stage = state.stage;
  result.stages = state.stages();
  result.finished = state.finished;
  const State::Sums& since = state.since;
  result.searched = state.search.points;
  const bool searches = result.searched > 0;
  for (const double error : searches ? state.search.errors : since.errors)
    result.layers.push_back(
        figure(State::relative(error, searches ? state.search.base : since.base), supervised));
  if (!result.layers.empty()) result.loss = result.layers.back();
  if (since.steps > 0) result.gradient_norm = since.gradient_norm / static_cast<double>(since.steps);
  for (const double error : state.validated) result.validated.push_back(figure(error, supervised));
  if (state.best.there) result.best = figure(State::relative(state.best.error, state.best.base), supervised);
  state.since = {};
  return result;
}

std::vector<Figure> ListaLearner::figures() {
  const ListaStatistics now = statistics();
  return {{"steps", static_cast<double>(now.steps)},
          {"samples", static_cast<double>(now.samples)},
          {"loss", now.loss},
          {"gradientNorm", now.gradient_norm},
          {"best", now.best},
          {"stage", static_cast<double>(now.stage)}};
}

void ListaLearner::on_search(std::function<void()> told) { state_->on_search = std::move(told); }
std::uint64_t ListaLearner::steps() const { return state_->steps; }
bool ListaLearner::finished() const { return state_->finished; }

std::size_t ListaLearner::bytes() const {
  const State& state = *state_;
  const auto bytes_of_all = [](const std::vector<lista::Rows>& all) {
    std::size_t sum = 0;
    for (const lista::Rows& one : all) sum += one.data.bytes();
    return sum;
  };
  // Values as training has them and as layers read them, the best of them, a gradient and two moments.
  constexpr std::size_t kCopies = 6;
  return state.given.dictionary.size() * sizeof(float) + state.holdout.input.data.bytes() +
         kCopies * (bytes_of_all(state.weights.forward) + bytes_of_all(state.weights.recurrent));
}

}  // namespace unsuperpose
