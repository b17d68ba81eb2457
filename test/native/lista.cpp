// Layers of unrolled networks against plain float64, one layer at a time from the codes that the layer before made: then the bound is that
// of a single layer's rounding, and what is left open (an entry within its bound of its threshold or of the selection's limit) is counted
// and has to be rare. Prints one line; exits 1 if not.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../../native/kernels/product/product.hpp"
#include "lista_networks.hpp"

using namespace unsuperpose;
using lista::Codes;
using lista::Network;
using namespace check;

namespace {

/// How many entries were compared, and how many rounding leaves open.
struct Counts {
  std::size_t compared = 0, open = 0;
};

/// What is known of z and its threshold: values and how far the computed ones may be off.
struct Entries {
  Doubles z, z_error, threshold, threshold_error;
};

/// γ_n with a little for terms of higher order.
double rounding(std::size_t n) { return 1.01 * product::error_bound(n); }

struct Row {
  std::vector<std::uint32_t> index;
  Doubles value;
};
Row row_of(const Codes& codes, std::size_t i) {
  Row row;
  for (std::size_t e = codes.begin[i]; e < codes.begin[i + 1]; ++e) {
    row.index.push_back(codes.index[e]);
    row.value.push_back(static_cast<double>(codes.value[e]));
  }
  return row;
}

/// z of one layer by its formula. `first_sum`: ‖A⁺x'‖₁ of the sample, made in layer 0. `most` and `most_upper`: between which K lies.
Entries reference(const Network& network, std::size_t layer, const float* x, const Row& before,
                  const Row& now, double& first_sum, std::size_t& most, std::size_t& most_upper) {
  const ListaParameters& p = network.at;
  const std::size_t n = p.features, m = p.dims, count = now.index.size();
  Entries out{Doubles(n), Doubles(n), Doubles(n), Doubles(n)};
  Doubles codes(n), earlier(n), r(m), r_error(m);
  for (std::size_t e = 0; e < count; ++e) codes[now.index[e]] = now.value[e];
  for (std::size_t e = 0; e < before.index.size(); ++e) earlier[before.index[e]] = before.value[e];
  const bool pair = p.weights == ListaWeights::pair, hyper = p.weights == ListaWeights::hyper;
  const double step = pair || hyper ? 1 : static_cast<double>(p.step[layer]);
  for (std::size_t d = 0; d < m; ++d) {
    r[d] = static_cast<double>(x[d]);
    if (pair) continue;
    double size = std::fabs(r[d]);
    for (std::size_t e = 0; e < count; ++e) {
      const double part = now.value[e] * unit(network, now.index[e], d);
      r[d] -= part;
      size += std::fabs(part);
    }
    // Atoms are rounded once; the sum; the step.
    r_error[d] = std::fabs(step) * ((count > 0 ? rounding(2 * count) + kU : 0) * size + kU * std::fabs(r[d]));
    r[d] *= step;
  }
  double sum = 0, sum_error = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const float* w = p.forward.data() + ((p.forward.size() > n * m ? layer * n : 0) + j) * m;
    double g = 0, size = 0, error = 0;
    for (std::size_t d = 0; d < m; ++d) {
      const double weight = static_cast<double>(w[d]);
      g += weight * r[d];
      size += std::fabs(weight) * (std::fabs(r[d]) + r_error[d]);
      error += std::fabs(weight) * r_error[d];
    }
    error += rounding(m) * size;
    if (hyper) {
      sum += network.leverage[j] * std::fabs(g);
      sum_error += network.leverage[j] * (error + 1e-12 * std::fabs(g));
    }
    if (pair) {
      double added = std::fabs(g);
      for (std::size_t e = 0; e < count; ++e) {
        const double part =
            now.value[e] * static_cast<double>(p.recurrent[(layer * n + now.index[e]) * n + j]);
        g += part;
        added += std::fabs(part);
      }
      out.z[j] = g;
      out.z_error[j] = error + rounding(2 * count + 1) * added;
    } else {
      const double momentum = hyper ? p.hyper[1] * static_cast<double>(count) : 0;
      out.z[j] = g + (1 + momentum) * codes[j] - momentum * earlier[j];
      const double added =
          std::fabs(g) + error + (1 + momentum) * std::fabs(codes[j]) + momentum * std::fabs(earlier[j]);
      out.z_error[j] = error + rounding(8) * added;
    }
    if (network.norms[j] == 0) out.z[j] = out.z_error[j] = 0;
  }
  if (hyper) {
    if (layer == 0) first_sum = sum;
    const double threshold = p.hyper[0] * sum;
    std::fill(out.threshold.begin(), out.threshold.end(), threshold);
    std::fill(out.threshold_error.begin(), out.threshold_error.end(),
              p.hyper[0] * sum_error + kU * threshold);
    if (sum == 0) {
      most = most_upper = n;
      return out;
    }
    // The first sum is off by no more than its own rounding, relative to it as here at most.
    const double share = p.hyper[2] * std::log(first_sum / sum);
    const double error =
        p.hyper[2] * (3 * sum_error / sum + 8 * kU * (1 + std::fabs(std::log(first_sum / sum))) +
                      rounding(m) * static_cast<double>(m));
    const auto entries = [&](double of) {
      return static_cast<std::size_t>(std::clamp(of, 0.0, 1.0) * static_cast<double>(n));
    };
    most = layer == 0 ? 0 : entries(share - error);
    most_upper = layer == 0 ? 0 : entries(share + error);
    return out;
  }
  for (std::size_t j = 0; j < n; ++j) {
    const double threshold = static_cast<double>(p.threshold[layer]);
    const double adaptive = static_cast<double>(static_cast<float>(p.adaptive));
    out.threshold[j] = adaptive > 0 ? threshold / (1 + std::fabs(codes[j]) / adaptive) : threshold;
    out.threshold_error[j] = codes[j] != 0 && adaptive > 0 ? 4 * kU * out.threshold[j] : 0;
  }
  most = most_upper = static_cast<std::size_t>(
      std::floor(static_cast<double>(p.selection[layer]) / 100 * static_cast<double>(n) * (1 + 0x1.0p-23)));
  return out;
}

/// Checks codes of one sample after a layer.
void compare(const Network& network, const Entries& of, std::size_t most, std::size_t most_upper,
             const Codes& got, std::size_t i, const Shape& problem, std::size_t layer, Counts& counts) {
  const std::size_t n = network.at.features;
  const bool nonnegative = network.at.nonnegative;
  const auto strength = [&](std::size_t j) { return nonnegative ? of.z[j] : std::fabs(of.z[j]); };
  std::size_t e = got.begin[i];
  for (std::size_t j = 0; j < n; ++j) {
    const bool active = e < got.begin[i + 1] && got.index[e] == j;
    const std::size_t at = e;
    if (active) ++e;
    const double margin = strength(j) - of.threshold[j], slack = of.z_error[j] + of.threshold_error[j];
    if (std::fabs(margin) <= slack && !(slack == 0)) {
      ++counts.open;
      continue;
    }
    check::that(active == (margin > 0), "%s, layer %zu, sample %zu, entry %zu: %s, z %.9g, threshold %.9g",
                problem.name.c_str(), layer, i, j, active ? "active" : "not active", of.z[j],
                of.threshold[j]);
    if (!active) {
      ++counts.compared;
      continue;
    }
    // Entries that are as strong, itself among them: selected where there are at most K.
    std::size_t surely = 0, perhaps = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const double apart = strength(k) - strength(j), error = k == j ? 0 : of.z_error[k] + of.z_error[j];
      if (apart - error >= 0) ++surely;
      if (apart + error >= 0) ++perhaps;
    }
    const bool selected = perhaps <= most, open = !selected && surely <= most_upper;
    if (open) {
      ++counts.open;
      continue;
    }
    check::that((got.kept[at] != 0) == selected,
                "%s, layer %zu, sample %zu, entry %zu: %s, %zu as strong, K %zu", problem.name.c_str(), layer,
                i, j, got.kept[at] ? "selected" : "not selected", surely, most);
    const double expected = selected      ? of.z[j]
                            : of.z[j] > 0 ? of.z[j] - of.threshold[j]
                                          : of.z[j] + of.threshold[j];
    const double bound =
        (of.z_error[j] + of.threshold_error[j]) * 1.01 + kU * std::fabs(expected) + check::kTiny;
    check::that(std::fabs(static_cast<double>(got.value[at]) - expected) <= bound,
                "%s, layer %zu, sample %zu, entry %zu: %.9g, expected %.9g, bound %.3g", problem.name.c_str(),
                layer, i, j, static_cast<double>(got.value[at]), expected, bound);
    ++counts.compared;
  }
  check::that(e == got.begin[i + 1], "%s: indices do not ascend", problem.name.c_str());
}

void check_layers(Shape problem, Random& random, Counts& counts) {
  constexpr std::size_t kRows = 7;
  Network network;
  const Status made = lista::make_network(parameters_of(problem, random), Execution{}, network);
  check::that(made.ok(), "%s: %s", problem.name.c_str(), made.message.c_str());
  if (!made.ok()) return;
  std::vector<float> x = normals(random, kRows * problem.dims, problem.size);
  std::fill_n(x.begin(), problem.dims, 0.0f);  // a sample that is zero
  const ConstMatrix32 rows{x.data(), kRows, problem.dims};
  Codes codes;
  lista::Trace trace;
  check::that(lista::run_layers(network, rows, problem.layers, codes, &trace) == kRows, "%s: overflow",
              problem.name.c_str());
  check::that(trace.codes.size() == problem.layers && trace.codes.back().value == codes.value &&
                  trace.codes.back().index == codes.index && trace.codes.back().begin == codes.begin,
              "%s: the last codes are those of the last layer", problem.name.c_str());
  for (std::size_t i = 0; i < kRows; ++i) {
    double first_sum = 0;
    Row before, now;
    for (std::size_t k = 0; k < problem.layers; ++k) {
      std::size_t most = 0, most_upper = 0;
      const Entries of = reference(network, k, rows.row(i), before, now, first_sum, most, most_upper);
      compare(network, of, most, most_upper, trace.codes[k], i, problem, k, counts);
      before = now;
      now = row_of(trace.codes[k], i);
    }
    // Alone it has the same bits.
    Codes alone;
    lista::run_layers(network, rows.slice(i, 1), problem.layers, alone, nullptr);
    const bool same = std::equal(alone.value.begin(), alone.value.end(), codes.value.begin() + codes.begin[i],
                                 codes.value.begin() + codes.begin[i + 1]) &&
                      std::equal(alone.index.begin(), alone.index.end(), codes.index.begin() + codes.begin[i],
                                 codes.index.begin() + codes.begin[i + 1]);
    check::that(same, "%s: sample %zu alone has other codes", problem.name.c_str(), i);
  }
}

/// W = D = 1, so that z is exact: ties.
void check_ties() {
  constexpr std::size_t n = 4;
  ListaParameters p;
  p.layers = 1;
  p.features = p.dims = n;
  p.dictionary.assign(n * n, 0);
  for (std::size_t j = 0; j < n; ++j) p.dictionary[j * n + j] = 1;
  p.forward = p.dictionary;
  p.step = {1};
  p.threshold = {1};
  const auto run = [&](std::vector<float> x, float percent, bool nonnegative) {
    p.selection = {percent};
    p.nonnegative = nonnegative;
    Network network;
    check::that(lista::make_network(p, Execution{}, network).ok(), "ties: made");
    Codes codes;
    lista::run_layers(network, {x.data(), 1, n}, 1, codes, nullptr);
    std::vector<float> dense(n);
    for (std::size_t e = 0; e < codes.index.size(); ++e) dense[codes.index[e]] = codes.value[e];
    return dense;
  };
  using F = std::vector<float>;
  check::that(run({3, -3, 3, 1}, 50, false) == F{2, -2, 2, 0}, "three tie for two places: none is selected");
  check::that(run({4, -3, 3, 1}, 50, false) == F{4, -2, 2, 0},
              "one is, before two that tie for the other place");
  check::that(run({4, -3, 3, 1}, 75, false) == F{4, -3, 3, 0}, "all three are");
  check::that(run({4, -3, 3, 1}, 100, false) == F{4, -3, 3, 0}, "what is at its threshold is not active");
  check::that(run({4, -3, 3, 1}, 24, false) == F{3, -2, 2, 0}, "of less than one entry none is selected");
  check::that(run({4, -9, 3, 1}, 50, true) == F{4, 0, 3, 0}, "what is negative takes no place");
}

/// An active entry below the common threshold, which others that are stronger do not pass.
void check_adaptive_selection() {
  ListaParameters p;
  p.weights = ListaWeights::layers;
  p.layers = 2;
  p.features = p.dims = 3;
  p.dictionary = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  p.forward = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1.5f, 0, 0, 0, 1};
  p.step = {1, 1};
  p.threshold = {.5f, 1};
  p.adaptive = .125;
  const std::vector<float> x = {.625f, .5f,
                                .25f};  // codes {.125, 0, 0}, then z = {.625, .75, .25}, θ = {.5, 1, 1}
  const auto run = [&](float percent) {
    p.selection = {0, percent};
    Network network;
    check::that(lista::make_network(p, Execution{}, network).ok(), "adaptive selection: made");
    Codes codes;
    lista::run_layers(network, {x.data(), 1, 3}, 2, codes, nullptr);
    return codes.index == std::vector<std::uint32_t>{0} ? codes.value[0] : -1;
  };
  check::that(run(34) == .125f, "a stronger entry that does not pass takes the only place");
  check::that(run(67) == .625f, "of two places the second is its");
}

void check_overflow() {
  ListaParameters p;
  p.layers = 2;
  p.features = 2;
  p.dims = 1;
  p.dictionary = {1, -1};
  p.forward = {1e9f, 1};
  p.step = {1, 1};
  p.threshold = {0, 0};
  p.selection = {0, 0};
  Network network;
  check::that(lista::make_network(p, Execution{}, network).ok(), "overflow: made");
  const std::vector<float> x = {1, 1e30f, 2};
  Codes codes;
  check::that(lista::run_layers(network, {x.data(), 3, 1}, 2, codes, nullptr) == 1,
              "the row that overflows is told");
  check::that(codes.count(0) > 0 && codes.count(1) == 0, "and has no codes");
  std::vector<std::uint8_t> overflows;
  lista::run_layers(network, {x.data(), 3, 1}, 2, codes, nullptr, &overflows);
  check::that(overflows == std::vector<std::uint8_t>{0, 1, 0}, "it alone");
}

void check_refusals() {
  Shape problem;
  Random random(5);
  const ListaParameters good = parameters_of(problem, random);
  Network network;
  const auto refused = [&](const char* message, Code code, const auto& change) {
    ListaParameters bad = good;
    change(bad);
    const Status status = lista::make_network(bad, Execution{}, network);
    check::that(status.code == code && status.message == message, "got %s, expected %s",
                status.message.c_str(), message);
  };
  const float nan = check::kNaN;
  refused("forward does not fit the numbers of layers, features and dims", Code::shape,
          [](auto& p) { p.forward.pop_back(); });
  refused("recurrent does not fit the numbers of layers, features and dims", Code::shape,
          [](auto& p) { p.recurrent.push_back(0); });
  refused("threshold does not fit the numbers of layers, features and dims", Code::shape,
          [](auto& p) { p.threshold.clear(); });
  refused("threshold holds NaN or Infinity", Code::not_finite, [&](auto& p) { p.threshold[0] = nan; });
  refused("threshold holds a negative number", Code::option, [](auto& p) { p.threshold[0] = -1; });
  refused("selection holds a number that is not a percentage", Code::option,
          [](auto& p) { p.selection[0] = 101; });
  refused("scale must be a power of two", Code::option, [](auto& p) { p.scale = 3; });
  refused("scale must be a power of two", Code::option, [](auto& p) { p.scale = 0; });
  refused("adaptive must be finite and not negative", Code::option, [](auto& p) { p.adaptive = -1; });
  for (const double ridge : {-1.0, std::numeric_limits<double>::infinity(), static_cast<double>(nan)})
    refused("ridge must be finite and not negative", Code::option, [&](auto& p) { p.ridge = ridge; });
  refused("adaptive must be 0 or a number of float32", Code::option, [](auto& p) { p.adaptive = 1e-46; });
  // Sizes whose product is 2⁶⁴, which must not come to 0.
  refused("dictionary does not fit the numbers of layers, features and dims", Code::shape, [](auto& p) {
    p.features = 1U << 31;
    p.dims = std::size_t{1} << 33;
    p.dictionary.clear();
  });
  refused("forward does not fit the numbers of layers, features and dims", Code::shape, [](auto& p) {
    p.weights = ListaWeights::layers;
    p.layers = std::size_t{1} << 63;
    p.features = 2;
    p.dims = 1;
    p.dictionary.assign(2, 1);
    p.forward.clear();
  });
  refused("a network must have at least one layer, one feature and one dim", Code::shape,
          [](auto& p) { p.layers = 0; });
}

}  // namespace

int main() {
  Random random(2026);
  Counts counts;
  const ListaWeights kinds[] = {ListaWeights::pair, ListaWeights::layers, ListaWeights::shared,
                                ListaWeights::fixed, ListaWeights::hyper};
  const char* names[] = {"pair", "layers", "shared", "fixed", "hyper"};
  const std::size_t sizes[][2] = {{30, 12}, {1, 1}, {7, 1}, {1, 5}, {130, 33}, {64, 64}};
  for (std::size_t kind = 0; kind < 5; ++kind)
    for (const auto& size : sizes)
      for (int way = 0; way < 8; ++way) {
        Shape problem;
        problem.weights = kinds[kind];
        problem.features = size[0];
        problem.dims = size[1];
        problem.nonnegative = way & 1;
        problem.selection = way & 2 ? 4.0f : 0.0f;
        problem.adaptive = way & 4 && kind != 4 ? .1 : 0;
        problem.learned = way & 1 && kind != 0;
        problem.zero_atom = way >= 6 && size[0] > 2;
        problem.name = std::string(names[kind]) + ", " + std::to_string(size[0]) + " x " +
                       std::to_string(size[1]) + ", way " + std::to_string(way);
        check_layers(problem, random, counts);
      }
  check::that(counts.open * 500 < counts.compared, "%zu of %zu entries are left open", counts.open,
              counts.compared + counts.open);
  check_ties();
  check_adaptive_selection();
  check_overflow();
  check_refusals();
  return check::finish();
}
