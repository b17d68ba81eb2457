// Coordinate descent and Newton steps at every level, on Gram matrices of random atoms.
//
// The state (a, c) must stay consistent, c = b − Ga: c is moved by as many float32 updates as coordinates change, each off by at most
// 3u of the terms. A sweep that meets its accuracy leaves every coordinate within what the changes after its visit can add: each
// changes a_i by at most accuracy/(G_ii + β). A full Newton step solves its equations to float32 rounding times the condition number,
// which the ridge keeps small here.
#include "../../native/kernels/descent/descent.hpp"
#include "check.hpp"

using namespace unsuperpose;
using check::Kind;

namespace {

struct Small {
  std::size_t count, stride;
  check::Guarded<float> gram, threshold, inverse, code, correlation;
  std::vector<double> target;  // b
  float ridge;
  bool nonnegative;

  Small(Random& random, std::size_t count_, float ridge_, bool nonnegative_)
      : count(count_),
        stride(round_up(count_, descent::kPadding)),
        gram(count_ * stride),
        threshold(stride),
        inverse(stride),
        code(stride),
        correlation(stride),
        target(count_),
        ridge(ridge_),
        nonnegative(nonnegative_) {
    const std::size_t dims = 2 * count + 3;
    const auto atoms = check::floats(random, count * dims, Kind::gaussian),
               x = check::floats(random, dims, Kind::gaussian);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < count; ++j) {
        double sum = 0;
        for (std::size_t d = 0; d < dims; ++d)
          sum += static_cast<double>(atoms[i * dims + d]) * static_cast<double>(atoms[j * dims + d]);
        gram[i * stride + j] = static_cast<float>(sum / static_cast<double>(dims));
      }
    for (std::size_t j = 0; j < count; ++j) {
      double sum = 0;
      for (std::size_t d = 0; d < dims; ++d)
        sum += static_cast<double>(atoms[j * dims + d]) * static_cast<double>(x[d]);
      correlation[j] = static_cast<float>(sum / static_cast<double>(dims));
      target[j] = static_cast<double>(correlation[j]);
      threshold[j] = 0.02f * (1 + static_cast<float>(random.uniform()));
      inverse[j] = 1 / (gram[j * stride + j] + ridge);
    }
  }

  descent::Problem problem() const {
    return {gram.data(), stride,      count,       threshold.data(),  inverse.data(),
            ridge,       nonnegative, code.data(), correlation.data()};
  }
  double entry(std::size_t i, std::size_t j) const { return static_cast<double>(gram[i * stride + j]); }
  double a(std::size_t j) const { return static_cast<double>(code[j]); }
  double t(std::size_t j) const { return static_cast<double>(threshold[j]); }
  double residual(std::size_t j) const {  // (b − Ga)_j
    double sum = target[j];
    for (std::size_t i = 0; i < count; ++i) sum -= entry(j, i) * a(i);
    return sum;
  }
  double objective() const {
    double sum = 0;
    for (std::size_t j = 0; j < count; ++j)
      sum += a(j) * (0.5 * (target[j] - residual(j)) - target[j]) + t(j) * std::fabs(a(j)) +
             0.5 * static_cast<double>(ridge) * a(j) * a(j);
    return sum;
  }
  /// By how much coordinate j misses its optimality condition.
  double violation(std::size_t j) const {
    const double slope = residual(j) - static_cast<double>(ridge) * a(j);
    if (code[j] > 0) return std::fabs(slope - t(j));
    if (code[j] < 0) return std::fabs(slope + t(j));
    return std::fmax((nonnegative ? slope : std::fabs(slope)) - t(j), 0);
  }
  bool padded_with_zeros() const {
    for (std::size_t j = count; j < stride; ++j)
      if (code[j] != 0 || correlation[j] != 0) return false;
    return code.intact() && correlation.intact();
  }
};

/// c may be off by this much after `updates` changes of each coordinate: codes and entries of these problems are below 4.
double drift(const Small& small, double updates) {
  return 3 * check::kUnit * updates * static_cast<double>(small.count) * 16 + 1e-7;
}

void consistent(const Small& small, double off, const char* what, Isa isa) {
  for (std::size_t j = 0; j < small.count; ++j)
    check::near(static_cast<double>(small.correlation[j]), small.residual(j), off, what, isa, small.count);
  check::that(small.padded_with_zeros(), "%s, %s, size %zu: the padding changed", what, isa_name(isa),
              small.count);
}

void level(Isa isa, Random& random, std::size_t count, float ridge, bool nonnegative) {
  const descent::Table& kernels = *descent::table(isa);
  constexpr float kAccuracy = 1e-5f;
  constexpr unsigned kLimit = 2000;
  Small small(random, count, ridge, nonnegative);
  check::that(kernels.sweep(small.problem(), kAccuracy, kLimit), "sweep, %s, size %zu: did not converge",
              isa_name(isa), count);
  const double off = drift(small, 4);
  consistent(small, off, "sweep", isa);
  for (std::size_t j = 0; j < count; ++j) {
    double later = static_cast<double>(kAccuracy);
    for (std::size_t i = 0; i < count; ++i)
      later += std::fabs(small.entry(j, i)) * static_cast<double>(kAccuracy * small.inverse[i]);
    check::that(small.violation(j) <= later + 2 * off, "sweep, %s, size %zu: violation %g, at most %g",
                isa_name(isa), count, small.violation(j), later);
    check::that(!nonnegative || small.code[j] >= 0, "sweep, %s: %g is negative", isa_name(isa), small.a(j));
  }

  // A rougher solution, then a Newton step: what it changes is the smaller for the exact one.
  Small rough(random, count, ridge, nonnegative);
  kernels.sweep(rough.problem(), 0.05f, 2);
  std::vector<float> before(rough.code.data(), rough.code.data() + count);
  const double objective = rough.objective();
  std::vector<double> scratch(descent::newton_scratch(count) + 8);
  const auto start = reinterpret_cast<std::uintptr_t>(scratch.data()) / sizeof(double) % 8;
  check::that(kernels.newton(rough.problem(), scratch.data() + (8 - start) % 8),
              "newton, %s, size %zu: no factor", isa_name(isa), count);
  consistent(rough, drift(rough, 6), "newton", isa);
  check::that(rough.objective() <= objective + 1e-5, "newton, %s, size %zu: %g after %g", isa_name(isa),
              count, rough.objective(), objective);
  bool whole = true;  // no sign changed: the step was a full one
  for (std::size_t j = 0; j < count; ++j) {
    whole = whole && (before[j] == 0 || rough.code[j] != 0);
    check::that(before[j] != 0 || rough.code[j] == 0, "newton, %s: atom %zu was not active", isa_name(isa),
                j);
    check::that(before[j] * rough.code[j] >= 0, "newton, %s: atom %zu changed sign", isa_name(isa), j);
  }
  for (std::size_t j = 0; j < count && whole; ++j)
    if (rough.code[j] != 0)
      check::near(rough.violation(j), 0, 20 * drift(rough, 6), "newton's equations", isa, count);
}

/// A matrix that is no Gram matrix has no factor: nothing may change. Equal atoms have one, damped.
void singular(Isa isa, Random& random) {
  const descent::Table& kernels = *descent::table(isa);
  for (const bool equal : {false, true}) {
    Small small(random, 2, 0, false);
    const float entries[2][2] = {{1, equal ? 1.0f : 2.0f}, {equal ? 1.0f : 2.0f, 1}};
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = 0; j < 2; ++j) small.gram[i * small.stride + j] = entries[i][j];
    small.code[0] = 0.5f;
    small.code[1] = 0.25f;
    const float before[] = {small.code[0], small.code[1], small.correlation[0], small.correlation[1]};
    AlignedBuffer<double> scratch(descent::newton_scratch(2));
    const bool stepped = kernels.newton(small.problem(), scratch.data());
    check::equal(stepped, equal, "newton of a singular matrix", isa, 2);
    if (stepped) continue;
    const float after[] = {small.code[0], small.code[1], small.correlation[0], small.correlation[1]};
    for (std::size_t k = 0; k < 4; ++k) check::same(after[k], before[k], "newton without a factor", isa, 2);
  }
}

}  // namespace

int main() {
  for (const Isa isa : supported_isas()) {
    Random random(19);
    for (std::size_t count = 1; count <= 70; ++count)
      for (const float ridge : {0.0f, 0.1f})
        for (const bool nonnegative : {false, true}) level(isa, random, count, ridge, nonnegative);
    singular(isa, random);
  }
  return check::finish();
}
