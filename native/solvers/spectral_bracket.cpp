#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../core/random.hpp"
#include "../core/sums.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "spectral.hpp"
#include "support_gram.hpp"

namespace unsuperpose {

namespace {

constexpr double kUp = 1 + 0x1.0p-40;
/// Rows a block: fixed, so that sums have one order for any number of threads.
constexpr std::size_t kBlock = 256;
/// Lanczos steps at most, and how small a residual ends them.
constexpr std::size_t kSteps = 120;
constexpr double kResidual = 1e-9;
/// Factors by which a bound from above is tried over the value found: the first that is proved is the answer.
constexpr double kMargins[] = {0x1.0p-36, 0x1.0p-28, 0x1.0p-20, 0x1.0p-14,
                               0x1.0p-10, 0x1.0p-7,  0x1.0p-5,  0.25};

using Vector = std::vector<double>;

/// Products with DᵀD, atoms divided by the largest norm so that no square over- or underflows.
class Operator {
 public:
  Operator(const Dictionary& dictionary, const Execution& execution)
      : dictionary_(dictionary), execution_(execution), unit_(dictionary.max_norm()) {}

  /// Dx, and what one entry is off at most: a share of ‖d_j‖‖x‖.
  void forward(const Vector& x, Vector& out) const {
    out.assign(dictionary_.features(), 0);
    execution_.for_items(out.size(), kBlock, [&](std::size_t j) {
      out[j] = sums::dot(dictionary_.atom(j), x.data(), x.size()) / unit_;
    });
  }
  void apply(const Vector& x, Vector& out) {
    const std::size_t dims = x.size(), blocks = (dictionary_.features() + kBlock - 1) / kBlock;
    forward(x, image_);
    partial_.resize(blocks * dims);
    execution_.for_each(blocks, [&](std::size_t block) {
      double* sum = partial_.data() + block * dims;
      std::fill(sum, sum + dims, 0.0);
      for (std::size_t j = block * kBlock; j < std::min(image_.size(), (block + 1) * kBlock); ++j) {
        const double c = image_[j] / unit_;
        for (std::size_t k = 0; k < dims; ++k) sum[k] += c * static_cast<double>(dictionary_.atom(j)[k]);
      }
    });
    out.assign(dims, 0);
    for (std::size_t block = 0; block < blocks; ++block)
      for (std::size_t k = 0; k < dims; ++k) out[k] += partial_[block * dims + k];
  }

 private:
  const Dictionary& dictionary_;
  const Execution& execution_;
  const double unit_;
  Vector image_, partial_;
};

/// The largest eigenvalue of a symmetric tridiagonal matrix, from above, by bisection on Sturm counts; and its eigenvector.
double largest_of(const Vector& diagonal, const Vector& beside, Vector& vector) {
  const std::size_t n = diagonal.size();
  double low = diagonal[0], high = 0;
  for (std::size_t i = 0; i < n; ++i) {
    low = std::max(low, diagonal[i]);
    high = std::max(
        high, diagonal[i] + (i > 0 ? std::fabs(beside[i - 1]) : 0) + (i + 1 < n ? std::fabs(beside[i]) : 0));
  }
  high *= kUp;
  vector.assign(n, 1);
  if (!(high > 0)) return 0;
  // Pivots of xI − T; all positive above the largest eigenvalue.
  Vector pivots(n);
  const auto factor = [&](double x) {
    for (std::size_t i = 0; i < n; ++i) {
      pivots[i] = x - diagonal[i] - (i > 0 ? beside[i - 1] * beside[i - 1] / pivots[i - 1] : 0);
      if (!(pivots[i] > 0)) return false;
    }
    return true;
  };
  constexpr int kHalvings = 60;
  for (int step = 0; step < kHalvings; ++step) {
    const double middle = 0.5 * (low + high);
    (factor(middle) ? high : low) = middle;
  }
  while (!factor(high)) high *= kUp;
  vector.assign(n, 1);
  // Inverse steps with the factors of highI − T, by LDLᵀ.
  for (int step = 0; step < 3; ++step) {
    for (std::size_t i = 1; i < n; ++i) vector[i] += beside[i - 1] / pivots[i - 1] * vector[i - 1];
    for (std::size_t i = n; i-- > 0;)
      vector[i] = vector[i] / pivots[i] + (i + 1 < n ? beside[i] / pivots[i] * vector[i + 1] : 0);
    const double size = sums::norm(vector.data(), n);
    for (double& value : vector) value /= size;
  }
  return high;
}

/// A vector near the largest singular one, by Lanczos with full reorthogonalisation (Golub & Van Loan §10.1).
Vector strongest_direction(const Dictionary& dictionary, const Execution& execution) {
  constexpr std::uint64_t kSeed = 0x5eed;
  constexpr std::size_t kLook = 8;
  const std::size_t dims = dictionary.dims();
  Operator square(dictionary, execution);
  Random random(kSeed);
  std::vector<Vector> basis(1, Vector(dims));
  for (double& value : basis[0]) value = random.normal();
  const auto normalise = [&](Vector& v) {
    const double size = sums::norm(v.data(), dims);
    for (double& value : v) value /= size;
    return size;
  };
  normalise(basis[0]);
  Vector diagonal, beside, next, vector;
  for (std::size_t step = 1; !execution.cancelled(); ++step) {
    square.apply(basis.back(), next);
    diagonal.push_back(sums::dot(basis.back().data(), next.data(), dims));
    for (int pass = 0; pass < 2; ++pass)
      for (const Vector& q : basis) {
        const double c = sums::dot(q.data(), next.data(), dims);
        for (std::size_t k = 0; k < dims; ++k) next[k] -= c * q[k];
      }
    const double left = sums::norm(next.data(), dims);
    const bool last = step == std::min(kSteps, dims) || !(left > 0x1.0p-44 * static_cast<double>(dims));
    if (last || step % kLook == 0) {
      const double largest = largest_of(diagonal, beside, vector);
      if (last || left * std::fabs(vector.back()) <= kResidual * largest) break;
    }
    beside.push_back(left);
    normalise(next);
    basis.push_back(next);
  }
  Vector x(dims, 0);
  for (std::size_t i = 0; i < vector.size(); ++i)
    for (std::size_t k = 0; k < dims; ++k) x[k] += vector[i] * basis[i][k];
  return x;
}

/// G = DDᵀ or DᵀD, whichever is smaller, of atoms divided by the largest norm, as a lower triangle; and what it is off in norm.
double smaller_gram(const Dictionary& dictionary, const Execution& execution, std::size_t size,
                    Vector& gram) {
  const std::size_t features = dictionary.features(), dims = dictionary.dims();
  const double unit = dictionary.max_norm();
  gram.assign(size * size, 0);
  const bool by_rows = features <= dims;
  const std::size_t inner = by_rows ? dims : features, together = by_rows ? dims : 1024;
  AlignedBuffer<float> columns(by_rows ? 0 : size * together);
  std::vector<const float*> rows(size);
  for (std::size_t first = 0; first < inner && !execution.cancelled(); first += together) {
    const std::size_t count = std::min(together, inner - first);
    for (std::size_t i = 0; i < size; ++i)
      rows[i] = by_rows ? dictionary.atom(i) : columns.data() + i * together;
    for (std::size_t j = 0; !by_rows && j < count; ++j)
      for (std::size_t d = 0; d < size; ++d) columns[d * together + j] = dictionary.atom(first + j)[d];
    execution.for_items(size, 8, [&](std::size_t i) {
      Vector products(i + 1);
      dots::table().correlate(rows.data(), i + 1, rows[i], count, products.data());
      for (std::size_t k = 0; k <= i; ++k) gram[i * size + k] += products[k] / unit / unit;
    });
  }
  double frobenius = 0;
  for (std::size_t j = 0; j < features; ++j)
    frobenius += (dictionary.norm(j) / unit) * (dictionary.norm(j) / unit);
  return 2 * gamma64(inner + 8) * frobenius * kUp;
}

/// Does the Cholesky factorisation of τI − G run to its end? Then no eigenvalue of G exceeds τ by more than `off` (Higham, Accuracy
/// and Stability, theorem 10.7).
bool factorises(const Vector& gram, std::size_t size, double tau, const Execution& execution, double& off) {
  double trace = 0;
  Vector factor(size * size);
  for (std::size_t i = 0; i < size; ++i) {
    double* row = factor.data() + i * size;
    for (std::size_t j = 0; j <= i; ++j) {
      const double entry = (i == j ? tau : 0) - gram[i * size + j];
      const double sum = entry - sums::dot(row, factor.data() + j * size, j);
      if (i != j)
        row[j] = sum / factor[j * size + j];
      else if (sum > 0)
        row[i] = std::sqrt(sum);
      else
        return false;
    }
    trace += tau + std::fabs(gram[i * size + i]);
    if (execution.cancelled()) return false;
  }
  off = 2 * gamma64(size + 8) * trace * kUp;
  return true;
}

}  // namespace

SpectralBracket spectral_bracket(const Dictionary& dictionary, bool from_above, const Execution& execution) {
  const std::size_t features = dictionary.features(), dims = dictionary.dims();
  const double unit = dictionary.max_norm();
  if (unit == 0) return {0, 0};
  SpectralBracket out;

  // ‖Dx‖ ≤ σ‖x‖ for any x.
  const Vector x = strongest_direction(dictionary, execution);
  Vector image;
  Operator(dictionary, execution).forward(x, image);
  const double size = sums::norm(x.data(), dims) * (1 + gamma64(dims + 4)), rounding = 2 * gamma64(dims + 8);
  double squares = 0, frobenius = 0;
  for (std::size_t j = 0; j < features; ++j) {
    const double relative = dictionary.norm(j) / unit;
    const double sure = std::max(0.0, std::fabs(image[j]) - rounding * relative * size);
    squares += sure * sure;
    frobenius += relative * relative;
  }
  squares *= 1 - gamma64(features + 8);
  // One atom is as good a witness.
  out.lower = std::max(std::sqrt(squares) / size, 1.0) * (1 - gamma64(dims + 8)) * unit;

  const double rough = std::sqrt(frobenius * (1 + 2 * gamma64(features + 8))) * unit * kUp;
  out.upper = rough;
  const std::size_t smaller = std::min(features, dims);
  if (!from_above || smaller > kMostFactored || execution.cancelled()) return out;
  Vector gram;
  const double gram_error = smaller_gram(dictionary, execution, smaller, gram);
  const double start = (out.lower / unit) * (out.lower / unit) * kUp;
  for (const double margin : kMargins) {
    double off = 0;
    if (execution.cancelled()) break;
    if (!factorises(gram, smaller, start * (1 + margin), execution, off)) continue;
    out.upper = std::min(rough, std::sqrt(start * (1 + margin) + off + gram_error) * kUp * unit);
    break;
  }
  out.upper = std::max(out.upper, out.lower);
  return out;
}

}  // namespace unsuperpose
