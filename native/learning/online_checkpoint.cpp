// The state of online dictionary learning as plain arrays, out and in.
#include <algorithm>
#include <vector>

#include "online_state.hpp"

namespace unsuperpose {

void OnlineLearner::save(Checkpoint& to) const {
  State& state = *state_;
  state.fetch();
  const std::size_t features = state.options.features;
  to.put("atoms", state.atoms.atoms());
  to.put("codes.codes", ConstMatrix32{state.a.data(), features, features, state.a_stride});
  to.put("codes.samples", ConstMatrix32{state.b.data(), features, state.dims, state.stride});
  to.put("weight", std::vector<double>{state.weight});
  to.put("fresh", state.fresh);
  to.put("recent", state.recent);
  to.put("usage", state.usage);
  to.put("used", state.used);
  to.put("pool", state.pool);
  state.scale.save(to);
  to.put("counts", std::vector<std::uint64_t>{state.steps, state.samples, state.replaced, state.since.samples,
                                              state.eased});
  to.put("figures", std::vector<double>{state.since.objective, state.since.squared_residual,
                                        state.since.squared_apart, state.since.active});
  to.put("mean", state.since.mean);
}

Status OnlineLearner::resume(const Checkpoint& from) {
  State& state = *state_;
  const std::size_t features = state.options.features, dims = state.dims;
  const auto* atoms = from.find<float>("atoms");
  const auto* a = from.find<float>("codes.codes", features * features);
  const auto* b = from.find<float>("codes.samples", features * dims);
  const auto* weight = from.find<double>("weight", 1);
  const auto* fresh = from.find<float>("fresh", features);
  const auto* recent = from.find<double>("recent", features);
  const auto* usage = from.find<double>("usage", features);
  const auto* used = from.find<double>("used", features);
  const auto* pool = from.find<float>("pool");
  const auto* counts = from.find<std::uint64_t>("counts", 5);
  const auto* sums = from.find<double>("figures", 4);
  // Before there was `figures`, `sums` had other ones: the next report begins anew.
  const bool anew = !sums && from.find<double>("sums", 4);
  const auto* mean = from.find<double>("mean");
  if (!atoms || !a || !b || !weight || !fresh || !recent || !usage || !used || !pool || !counts ||
      !(sums || anew) || !mean || atoms->size() % dims != 0 || atoms->size() > features * dims ||
      pool->size() % dims != 0 || (!mean->empty() && mean->size() != dims) || !state.scale.resume(from))
    return Checkpoint::refuse("online dictionary learning with so many features and dims");
  state.there.reset();
  state.here();
  state.columns_behind = true;
  state.atoms.replace({atoms->data(), atoms->size() / dims, dims});
  for (std::size_t j = 0; j < features; ++j) {
    std::copy_n(a->data() + j * features, features, state.a.data() + j * state.a_stride);
    std::copy_n(b->data() + j * dims, dims, state.b.data() + j * state.stride);
  }
  state.weight = weight->front();
  state.fresh = *fresh;
  state.recent = *recent;
  state.usage = *usage;
  state.used = *used;
  state.pool = *pool;
  state.steps = (*counts)[0];
  state.samples = (*counts)[1];
  state.replaced = (*counts)[2];
  state.eased = (*counts)[4] != 0;
  state.since = {};
  if (!anew) state.since = {(*sums)[0], (*sums)[1], (*sums)[2], (*sums)[3], (*counts)[3], *mean};
  return {};
}

}  // namespace unsuperpose
