// Analytic weights of unrolled networks against a pseudo-inverse, and what layers of hyper networks work by. Prints one line; exits 1 if not.
#include <algorithm>
#include <cmath>
#include <vector>

#include "lista_networks.hpp"

using namespace unsuperpose;
using lista::Codes;
using lista::Network;
using namespace check;

namespace {

/// S by Gauss–Jordan on the Gram matrix with a pinch of regularisation-free pivoting; full rank only.
Doubles inverse_gram(const std::vector<float>& d, std::size_t n, std::size_t m, double ridge) {
  Doubles g(m * 2 * m);
  for (std::size_t j = 0; j < n; ++j) {
    double norm = 0;
    for (std::size_t k = 0; k < m; ++k)
      norm += static_cast<double>(d[j * m + k]) * static_cast<double>(d[j * m + k]);
    if (norm == 0) continue;
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t k = 0; k < m; ++k)
        g[i * 2 * m + k] += static_cast<double>(d[j * m + i]) * static_cast<double>(d[j * m + k]) / norm;
  }
  for (std::size_t i = 0; i < m; ++i) {
    g[i * 2 * m + i] += ridge;
    g[i * 2 * m + m + i] = 1;
  }
  for (std::size_t i = 0; i < m; ++i) {
    std::size_t pivot = i;
    for (std::size_t k = i + 1; k < m; ++k)
      if (std::fabs(g[k * 2 * m + i]) > std::fabs(g[pivot * 2 * m + i])) pivot = k;
    for (std::size_t k = 0; k < 2 * m; ++k) std::swap(g[i * 2 * m + k], g[pivot * 2 * m + k]);
    const double inverse = 1 / g[i * 2 * m + i];
    for (std::size_t k = 0; k < 2 * m; ++k) g[i * 2 * m + k] *= inverse;
    for (std::size_t row = 0; row < m; ++row) {
      if (row == i) continue;
      const double factor = g[row * 2 * m + i];
      for (std::size_t k = 0; k < 2 * m; ++k) g[row * 2 * m + k] -= factor * g[i * 2 * m + k];
    }
  }
  Doubles out(m * m);
  for (std::size_t i = 0; i < m; ++i)
    std::copy_n(g.begin() + static_cast<std::ptrdiff_t>(i * 2 * m + m), m,
                out.begin() + static_cast<std::ptrdiff_t>(i * m));
  return out;
}

/// What the layers of a hyper network work by: d̂_jᵀSd̂_j.
void check_hyper(Random& random, std::size_t n, std::size_t m, double ridge) {
  Shape problem;
  problem.weights = ListaWeights::hyper;
  problem.features = n;
  problem.dims = m;
  Network network;
  ListaParameters p = parameters_of(problem, random);
  p.ridge = ridge;
  check::that(lista::make_network(p, Execution{}, network).ok(), "hyper: made");
  const Doubles s = inverse_gram(p.dictionary, n, m, ridge);
  for (std::size_t j = 0; j < n; ++j) {
    double share = 0;
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t k = 0; k < m; ++k) share += unit(network, j, i) * s[i * m + k] * unit(network, j, k);
    check::that(std::fabs(network.leverage[j] - share) <= 1e-11 * static_cast<double>(n),
                "hyper: leverage %zu is %.12g, expected %.12g", j, network.leverage[j], share);
  }
}

/// One atom of one dim, 1, and θ = 0: after the first layer r is 0, and what c₃ of it selects nothing or everything.
void check_hyper_exact() {
  for (const double c3 : {0.0, 0.5}) {
    ListaParameters p;
    p.weights = ListaWeights::hyper;
    p.layers = 2;
    p.features = p.dims = 1;
    p.dictionary = p.forward = {1};
    p.hyper = {0, 0, c3};
    Network network;
    check::that(lista::make_network(p, Execution{}, network).ok(), "hyper, r = 0: made");
    const float x = 2;
    Codes codes;
    check::that(lista::run_layers(network, {&x, 1, 1}, 2, codes, nullptr) == 1, "hyper, r = 0: runs");
    check::that(codes.value == std::vector<float>{2} && (codes.kept[0] != 0) == (c3 > 0),
                "hyper, r = 0, c3 = %g: selects %d", c3, codes.kept[0]);
  }
}

/// `rank` < m: atoms in the span of the first `rank` dims, turned by a reflection, so that the answer in the small space is known.
void check_analytic(Random& random, std::size_t n, std::size_t m, std::size_t rank, bool zero, double ridge) {
  std::vector<float> small = normals(random, n * rank, 1);
  if (zero) std::fill_n(small.begin(), rank, 0.0f);
  // A reflection 1 − 2vvᵀ in float64; atoms are rounded to float32 after it.
  Doubles v(m);
  double norm = 0;
  for (double& value : v) {
    value = random.normal();
    norm += value * value;
  }
  for (double& value : v) value /= std::sqrt(norm);
  const auto reflect = [&](const Doubles& x) {
    double along = 0;
    for (std::size_t d = 0; d < m; ++d) along += v[d] * x[d];
    Doubles y = x;
    for (std::size_t d = 0; d < m; ++d) y[d] -= 2 * along * v[d];
    return y;
  };
  std::vector<float> atoms(n * m);
  for (std::size_t j = 0; j < n; ++j) {
    Doubles x(m);
    for (std::size_t k = 0; k < rank; ++k) x[k] = static_cast<double>(small[j * rank + k]);
    if (rank < m) x = reflect(x);
    for (std::size_t d = 0; d < m; ++d) atoms[j * m + d] = static_cast<float>(x[d]);
  }
  std::vector<float> got;
  check::that(analytic_weights({atoms.data(), n, m}, ridge, Execution{}, got).ok(),
              "analytic weights of rank %zu", rank);
  const Doubles s = inverse_gram(small, n, rank, ridge);
  double largest =
      0;  // ‖S‖ at most its Frobenius norm times that of the Gram matrix's: the condition number that errors grow by
  const double gram = static_cast<double>(n) + ridge;
  for (const double value : s) largest += value * value;
  const double condition = std::sqrt(largest) * gram;
  for (std::size_t j = 0; j < n; ++j) {
    double size = 0;
    for (std::size_t k = 0; k < rank; ++k)
      size += static_cast<double>(small[j * rank + k]) * static_cast<double>(small[j * rank + k]);
    size = std::sqrt(size);
    if (size == 0) {
      for (std::size_t d = 0; d < m; ++d) check::that(got[j * m + d] == 0, "a zero atom has zero weights");
      continue;
    }
    Doubles w(m);
    double share = 0;
    for (std::size_t i = 0; i < rank; ++i) {
      for (std::size_t k = 0; k < rank; ++k)
        w[i] += s[i * rank + k] * static_cast<double>(small[j * rank + k]) / size;
      share += w[i] * static_cast<double>(small[j * rank + i]) / size;
    }
    double w_norm = 0, dot = 0;
    for (double& value : w) {
      value /= share;
      w_norm += value * value;
    }
    w_norm = std::sqrt(w_norm);
    if (rank < m) w = reflect(w);
    // Where atoms were rounded after the reflection, they moved by 2⁻²⁴ of their size; S moves by its condition number times that.
    const double bound =
        kU * w_norm +
        (rank < m ? 8 * condition * kU : 64 * condition * 0x1.0p-53 * static_cast<double>(n)) * w_norm;
    for (std::size_t d = 0; d < m; ++d) {
      check::that(std::fabs(static_cast<double>(got[j * m + d]) - w[d]) <= bound,
                  "analytic weights, %zu x %zu, rank %zu, ridge %g: atom %zu dim %zu is %.9g, expected %.9g, "
                  "bound %.3g",
                  n, m, rank, ridge, j, d, static_cast<double>(got[j * m + d]), w[d], bound);
      dot += static_cast<double>(got[j * m + d]) * static_cast<double>(atoms[j * m + d]) / size;
    }
    // Both rounded: the weights once, the atoms' norm by float32 atoms.
    check::that(std::fabs(dot - 1) <= 2 * static_cast<double>(m) * kU * w_norm, "w·d of atom %zu is %.12g", j,
                dot);
  }
}

}  // namespace

int main() {
  Random random(2027);
  for (const double ridge : {0.0, 0.05, 3.0, 1e9}) {
    check_analytic(random, 40, 10, 10, false, ridge);
    check_analytic(random, 40, 10, 10, true, ridge);
    check_analytic(random, 90, 70, 70, false, ridge);
    check_analytic(random, 40, 20, 6, false, ridge);
    check_analytic(random, 5, 30, 4, true, ridge);
    check_analytic(random, 1, 1, 1, false, ridge);
    check_hyper(random, 40, 10, ridge);
    check_hyper(random, 150, 70, ridge);
    check_hyper(random, 5, 1, ridge);
  }
  check_hyper_exact();
  return check::finish();
}
