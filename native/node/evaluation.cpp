#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../features/code_scores.hpp"
#include "../learning/random_directions.hpp"
#include "../kernels/dots/dots.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {

/// Scores and the one job at a time that adds to them.
class Scores {
 public:
  CodeScores sums;
  Turns turns;

  std::size_t bytes() const { return sums.bytes(); }
};

namespace {

/// (dims, features, nearest: Uint32Array | undefined, truths) → handle
Napi::Value create_scores(const Napi::CallbackInfo& call) {
  const std::size_t dims = count(call[0], "dims"), features = count(call[1], "features"),
                    truths = count(call[3], "truths");
  std::vector<std::uint32_t> nearest;
  if (!call[2].IsUndefined()) {
    const auto given = integers(call[2], "nearest");
    nearest.assign(given.begin(), given.end());
    if (nearest.size() != features) refuse(Code::shape, "nearest must be one a feature");
    for (const std::uint32_t one : nearest)
      if (one >= truths) refuse(Code::shape, "nearest names a true feature that there is not");
  }
  return Handle<Scores>::wrap(
      call.Env(), std::make_shared<Scores>(CodeScores(dims, features, std::move(nearest), truths)));
}

/// (scores, samples, codes, made: dictionary handle | matrix, true codes | undefined, threads, onProgress, onSettled) → job
Napi::Value scores_observe(const Napi::CallbackInfo& call) {
  struct Input {
    MatrixCopy samples;
    SparseCodes codes;
    std::shared_ptr<const Dictionary> dictionary;
    std::unique_ptr<MatrixCopy> again;
    std::unique_ptr<SparseCodes> truth;
  };
  const auto scores = held<Scores>(call[0]);
  const CodeScores& sums = scores->sums;
  auto input = std::make_shared<Input>(Input{MatrixCopy(matrix(call[1], "activations")), {}, {}, {}, {}});
  if (input->samples.cols != sums.dims()) refuse(Code::shape, "activations have other dims than the scores");
  const auto made = call[3].As<Napi::Object>();
  if (made.Has("data")) {
    input->again = std::make_unique<MatrixCopy>(matrix(made, "the decoded codes"));
    if (input->again->rows != input->samples.rows || input->again->cols != sums.dims())
      refuse(Code::shape, "the decoded codes have another shape than the activations");
  } else {
    input->dictionary = held_dictionary(made);
    if (input->dictionary->dims() != sums.dims() || input->dictionary->features() != sums.features())
      refuse(Code::shape, "the dictionary does not fit the scores");
  }
  input->codes = own_codes(call[2], input->samples.rows, sums.features(), "codes");
  if (!call[4].IsUndefined())
    input->truth =
        std::make_unique<SparseCodes>(own_codes(call[4], input->samples.rows, sums.truths(), "truth.codes"));
  if (call[4].IsUndefined() != sums.hits().empty())
    refuse(Code::native, "true codes for all batches or for none");
  return start_job<bool>(
      call, 5,
      [=, turn = scores->turns.take("the scores")](const Execution& execution, bool&) {
        require_finite(input->samples.view(), "activations", execution);
        if (input->again) require_finite(input->again->view(), "the decoded codes", execution);
        const Reconstructed again{input->codes, input->dictionary.get(),
                                  input->again ? input->again->view() : ConstMatrix32{}};
        return scores->sums.observe(input->samples.view(), again, input->truth.get(), execution);
      },
      [](Napi::Env env, bool&) { return env.Undefined(); });
}

/// (scores) → figures
Napi::Value scores_figures(const Napi::CallbackInfo& call) {
  const CodeScores& sums = held<Scores>(call[0])->sums;
  return object(call.Env(), {
                                {"samples", sums.samples()},
                                {"variance", sums.variance()},
                                {"residual", sums.residual()},
                                {"normRatio", sums.norm_ratio()},
                                {"normSamples", sums.norm_samples()},
                                {"used", sums.used()},
                                {"active", sums.active()},
                                {"hits", sums.hits()},
                                {"wanted", sums.wanted()},
                                {"trueActive", sums.true_active()},
                            });
}

/// (seed, out: Float32Array, features, dims, threads)
Napi::Value random_directions_sync(const Napi::CallbackInfo& call) {
  const std::uint64_t seed = count(call[0], "seed");
  const std::size_t features = count(call[2], "features"), dims = count(call[3], "dims");
  const Execution execution{threads(call[4])};
  const auto out = floats(call[1], "out");
  if (out.size() != features * dims) refuse(Code::shape, "out must hold features × dims values");
  random_directions(seed, execution, Matrix32(out.data(), features, dims));
  return call.Env().Undefined();
}

/// (a, b) → cosine of each row of a with that of b; 0 where one is zero
Napi::Value row_cosines(const Napi::CallbackInfo& call) {
  const Matrix32 a = matrix(call[0], "a"), b = matrix(call[1], "b");
  if (a.rows != b.rows || a.cols != b.cols) refuse(Code::shape, "a and b must have the same shape");
  require_finite(a, "the encoder");
  require_finite(b, "the dictionary");
  std::vector<double> cosines(a.rows);
  const auto dot = dots::table().dot;
  for (std::size_t i = 0; i < a.rows; ++i) {
    const double size =
        std::sqrt(dot(a.row(i), a.row(i), a.cols)) * std::sqrt(dot(b.row(i), b.row(i), a.cols));
    if (size > 0) cosines[i] = std::clamp(dot(a.row(i), b.row(i), a.cols) / size, -1.0, 1.0);
  }
  return to_value(call.Env(), cosines);
}

}  // namespace

void add_evaluation(Napi::Object exports) {
  add<create_scores, 4>(exports, "createScores");
  add<scores_observe, 8>(exports, "scoresObserve");
  add<scores_figures, 1>(exports, "scoresFigures");
  add<random_directions_sync, 5>(exports, "randomDirections");
  add<row_cosines, 2>(exports, "rowCosines");
}

}  // namespace unsuperpose::node
