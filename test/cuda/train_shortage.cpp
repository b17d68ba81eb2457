// Training an autoencoder on a device of little memory: whatever there is, the steps have the bits that they have where there is plenty, or memory is
// wanting and nothing has changed. Lists and scores are made of parts of a batch where those of all have no place. On the emulation, whose memory
// may be of any size.
#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

#include "emulation.hpp"
#include "train_run.hpp"

namespace {

using namespace training;

struct Answer {
  int code = 0;
  UnsuperposeCudaError error{};
  State state;
  UnsuperposeCudaReport report{};
  std::uint64_t used = 0;  // bytes of the device, at the end
  std::vector<double> mean;
  bool untouched = false;  // the first step was refused, and what is read then is what was written
};

/// Steps on batches of different samples.
Answer steps(const Problem& p, const State& before, const std::vector<float>& input, std::uint64_t memory) {
  constexpr std::uint64_t kSteps = 2;
  unsuperpose::cuda::emulation::faults().memory = memory;
  unsuperpose::cuda::emulation::start_afresh();
  Answer answer;
  answer.state = before;
  const UnsuperposeCudaTraining options = options_of(p);
  UnsuperposeCudaTrainer* trainer = nullptr;
  answer.code = table.trainer_open(0, &options, &trainer, &answer.error);
  UnsuperposeCudaTrained view = answer.state.view();
  if (answer.code == 0) answer.code = table.trainer_write(trainer, &view, &answer.error);
  const bool begun = answer.code == 0;
  std::uint64_t made = 0;
  answer.mean.resize(p.outputs);
  answer.report.target_mean = answer.mean.data();
  std::vector<float> own = input;
  for (std::uint64_t i = 0; i < kSteps && answer.code == 0; ++i) {
    const UnsuperposeCudaStep step = step_of(p, own, own, kStep + i);
    answer.code = table.trainer_step(trainer, &step, &answer.report, &answer.error);
    if (answer.code == 0) EXPECT(answer.report.number == (i == 0 ? 0 : kStep + i - 1));
    made += answer.code == 0 ? 1 : 0;
    std::rotate(own.begin(), own.begin() + 1,
                own.end());  // the samples may change as soon as the call is over
  }
  if (answer.code == 0) answer.code = table.trainer_settle(trainer, &answer.report, &answer.error);
  if (answer.code == 0) {
    EXPECT(answer.report.number == kStep + kSteps - 1 && answer.report.fault == UNSUPERPOSE_CUDA_FINE);
    read(trainer, p, answer.state);
  } else if (begun && made == 0) {
    State now = before;
    read(trainer, p, now);
    EXPECT(now == before);
    answer.untouched = true;
  }
  UnsuperposeCudaDescription description;
  UnsuperposeCudaError error;
  require(table.describe(0, &description, &error), error);
  answer.used = description.memory - description.free;
  table.trainer_close(trainer);
  return answer;
}

unsigned untouched = 0;

/// From little memory to what the steps take where there is plenty; `spared`: bytes that they can do without.
void scan(const Problem& p, std::uint64_t spared) {
  std::mt19937 random(p.seed);
  std::normal_distribution<float> normal;
  const State before = start(p, random);
  std::vector<float> input(p.samples * p.inputs);
  for (float& v : input) v = normal(random);
  const Answer plenty = steps(p, before, input, std::uint64_t{1} << 32);
  require(plenty.code, plenty.error);
  EXPECT(!(plenty.state == before));
  std::size_t made = 0, refused = 0;
  for (const std::uint64_t memory : {plenty.used / 4, plenty.used * 5 / 8, plenty.used - spared}) {
    const Answer answer = steps(p, before, input, memory);
    if (answer.code == 0) {
      ++made;
      EXPECT(answer.state == plenty.state);
      EXPECT(answer.report.loss == plenty.report.loss && answer.report.active == plenty.report.active);
      EXPECT(answer.report.squared_apart == plenty.report.squared_apart && answer.mean == plenty.mean);
      EXPECT(answer.used <= memory);
      continue;
    }
    ++refused;
    untouched += answer.untouched ? 1 : 0;
    EXPECT(memory < plenty.used - spared);
    EXPECT(answer.code == UNSUPERPOSE_CUDA_MEMORY && answer.error.bytes_wanted > 0);
  }
  std::printf("%s (%d): enough %zu times, too little %zu times, of up to %llu bytes\n", p.name,
              static_cast<int>(p.architecture), made, refused, static_cast<unsigned long long>(plenty.used));
  EXPECT(made > 0 && refused > 0);
}

}  // namespace

int main() {
  // Lists have room for 512 features of a sample or more, of 8 bytes each: three in four can go.
  constexpr std::size_t kSamples = 32, kLists = kSamples * 512 * 8;
  for (const auto architecture :
       {UNSUPERPOSE_CUDA_TOP_K, UNSUPERPOSE_CUDA_BATCH_TOP_K, UNSUPERPOSE_CUDA_JUMP_RELU}) {
    Problem p{"lists", kSamples, 2048, 12, 12, 3};
    p.architecture = architecture;
    scan(p, kLists * 3 / 4);
  }
  Problem dead{"lists of the dead", kSamples, 2304, 12, 12, 3};
  dead.dead = 2200;
  scan(dead, kLists * 3 / 4);
  // Scores of all features, and two batches of which one can wait.
  constexpr std::size_t kMany = 200, kDims = 100;
  for (const auto architecture : {UNSUPERPOSE_CUDA_TOP_K, UNSUPERPOSE_CUDA_BATCH_TOP_K}) {
    Problem p{"scores", kMany, 60, kDims, kDims, 3};
    p.architecture = architecture;
    scan(p, kMany * kDims * 4 + kMany * 60 * 8 / 2);
  }
  Problem transcoder{"pairs", kMany, 60, kDims, kDims, 3, true};
  scan(transcoder, 2 * kMany * kDims * 4);
  EXPECT(untouched > 0);
  return ended();
}
