// Adam on an unrolled network's parameters, and what they must keep to.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "../kernels/adam/adam.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "lista_state.hpp"

namespace unsuperpose {

namespace {
/// Rows of one unit of work.
constexpr std::size_t kBlock = 16;
}  // namespace

void lista::copy(const Tensors& from, Tensors& to) {
  const auto rows = [](const Rows& one, Rows& other) {
    if (other.count != one.count || other.cols != one.cols) other = Rows(one.count, one.cols);
    std::copy_n(one.data.data(), one.count * one.stride, other.data.data());
  };
  to.forward.resize(from.forward.size());
  to.recurrent.resize(from.recurrent.size());
  for (std::size_t k = 0; k < from.forward.size(); ++k) rows(from.forward[k], to.forward[k]);
  for (std::size_t k = 0; k < from.recurrent.size(); ++k) rows(from.recurrent[k], to.recurrent[k]);
  rows(from.step, to.step);
  rows(from.threshold, to.threshold);
}

std::vector<ListaLearner::State::Trained> ListaLearner::State::trained() {
  const lista::Part now = part();
  const bool pair = options.weights == ListaWeights::pair;
  const auto of_layer = [](const char* name, std::size_t k) {
    return std::string(name) + " of layer " + std::to_string(k + 1);
  };
  std::vector<Trained> all;
  if (now.forward) {
    const bool shared = weights.forward.size() == 1;
    for (std::size_t k = shared ? 0 : now.first; k < (shared ? 1 : now.depth); ++k) {
      Trained one{shared ? "W" : of_layer(pair ? "V" : "W", k), weights.forward[k].edit(),
                  gradients.forward[k].edit(), first.forward[k].edit(), second.forward[k].edit()};
      one.packed = &network.packed[k];
      all.push_back(std::move(one));
    }
    for (std::size_t k = now.first; pair && k < now.depth; ++k) {
      Trained one{of_layer("U", k), weights.recurrent[k].edit(), gradients.recurrent[k].edit(),
                  first.recurrent[k].edit(), second.recurrent[k].edit()};
      one.plain_stride = network.at.features;
      one.plain = network.at.recurrent.data() + k * one.plain_stride * one.plain_stride;
      all.push_back(std::move(one));
    }
  }
  const auto part_of = [&](const lista::Rows& rows) {
    return Matrix32(rows.row(0) + now.first, 1, now.depth - now.first);
  };
  const auto vector = [&](const char* name, lista::Rows lista::Tensors::*of, std::vector<float>& plain) {
    Trained one{name, part_of(weights.*of), part_of(gradients.*of), part_of(first.*of), part_of(second.*of)};
    one.plain = plain.data() + now.first;
    all.push_back(std::move(one));
  };
  if (options.weights == ListaWeights::shared || options.weights == ListaWeights::fixed)
    vector("step", &lista::Tensors::step, network.at.step);
  vector("threshold", &lista::Tensors::threshold, network.at.threshold);
  return all;
}

Status ListaLearner::State::update(const Execution& execution, double& norm) {
  std::vector<Trained> all = trained();
  const auto& reduce = reduce::table();
  std::vector<std::size_t> begin(all.size() + 1, 0);  // of a tensor's rows, among all rows
  for (std::size_t t = 0; t < all.size(); ++t) begin[t + 1] = begin[t] + all[t].values.rows;
  const auto each_row = [&](const auto& body) {
    execution.for_items(begin.back(), kBlock, [&](std::size_t at) {
      const auto t =
          static_cast<std::size_t>(std::upper_bound(begin.begin(), begin.end(), at) - begin.begin()) - 1;
      body(all[t], at - begin[t], at);
    });
  };
  std::vector<double> squares(begin.back());
  each_row([&](const Trained& tensor, std::size_t row, std::size_t at) {
    squares[at] = reduce.squared_norm(tensor.gradient.row(row), tensor.gradient.cols);
  });
  if (execution.cancelled()) return Status::cancelled();
  norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
  const auto exploded = [&](const std::string& what) {
    return Status::fail(Code::option, "training exploded in step " + std::to_string(steps + 1) + ": " + what +
                                          " is not finite; try a smaller learningRate, or clip");
  };
  if (!std::isfinite(norm)) {
    for (std::size_t t = 0; t < all.size(); ++t)
      for (std::size_t at = begin[t]; at < begin[t + 1]; ++at)
        if (!std::isfinite(squares[at])) return exploded("the gradient of " + all[t].name);
    return exploded("the gradient's norm");
  }
  const auto factor = static_cast<float>(norm > options.clip ? options.clip / norm : 1);
  power1 *= options.beta1;
  power2 *= options.beta2;
  const adam::Settings settings = {1,
                                   static_cast<float>(rate() / (1 - power1)),
                                   static_cast<float>(options.beta1),
                                   static_cast<float>(options.beta2),
                                   static_cast<float>(1 / std::sqrt(1 - power2)),
                                   static_cast<float>(options.epsilon)};
  const auto& adam = adam::table();
  std::vector<std::uint8_t> fine(begin.back(), 1);
  each_row([&](const Trained& tensor, std::size_t row, std::size_t at) {
    const std::size_t cols = tensor.values.cols;
    float* gradient = tensor.gradient.row(row);
    float* values = tensor.values.row(row);
    for (std::size_t d = 0; d < cols; ++d) gradient[d] *= factor;
    adam.step(settings, gradient, tensor.first.row(row), tensor.second.row(row), values, cols);
    fine[at] = reduce.all_finite(values, cols);
    if (tensor.name == "threshold")
      for (std::size_t d = 0; d < cols; ++d) values[d] = std::max(0.0f, values[d]);
    if (tensor.packed) tensor.packed->set_row(row, values);
    if (tensor.plain) std::copy_n(values, cols, tensor.plain + row * tensor.plain_stride);
  });
  // Parameters are only good for being thrown away from here on, should the call be cancelled.
  if (execution.cancelled()) return Status::cancelled();
  for (std::size_t t = 0; t < all.size(); ++t)
    if (std::find(fine.begin() + static_cast<std::ptrdiff_t>(begin[t]),
                  fine.begin() + static_cast<std::ptrdiff_t>(begin[t + 1]),
                  0) != fine.begin() + static_cast<std::ptrdiff_t>(begin[t + 1]))
      return exploded(all[t].name);
  return {};
}

void ListaLearner::State::publish(const Execution& execution) {
  ListaParameters& at = network.at;
  const std::size_t n = at.features;
  for (std::size_t k = 0; k < weights.forward.size(); ++k)
    execution.for_items(n, kBlock,
                        [&](std::size_t j) { network.packed[k].set_row(j, weights.forward[k].row(j)); });
  for (std::size_t k = 0; k < weights.recurrent.size(); ++k)
    for (std::size_t j = 0; j < n; ++j)
      std::copy_n(weights.recurrent[k].row(j), n, at.recurrent.data() + (k * n + j) * n);
  if (hyper()) return;
  std::copy_n(weights.step.row(0), at.layers, at.step.data());
  std::copy_n(weights.threshold.row(0), at.layers, at.threshold.data());
}

void ListaLearner::State::read_best(ListaParameters& out) const {
  out = network.at;
  const lista::Tensors& from = best.there ? best.values : weights;
  if (best.there) out.hyper = best.hyper;
  const auto rows = [](const std::vector<lista::Rows>& all, std::vector<float>& to) {
    to.clear();
    for (const lista::Rows& one : all)
      for (std::size_t i = 0; i < one.count; ++i) to.insert(to.end(), one.row(i), one.row(i) + one.cols);
  };
  rows(from.forward, out.forward);
  rows(from.recurrent, out.recurrent);
  if (from.step.count == 0) return;
  out.step.assign(from.step.row(0), from.step.row(0) + from.step.cols);
  out.threshold.assign(from.threshold.row(0), from.threshold.row(0) + from.threshold.cols);
}

}  // namespace unsuperpose
