#include "refine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"

namespace unsuperpose {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Scans of all atoms, and of those the most without a smaller gap.
constexpr unsigned kRounds = 100, kPatience = 3;
/// Faces that are looked at between two scans, and sweeps of coordinate descent where no Newton step can be made.
constexpr unsigned kFaces = 400, kPatientSweeps = 400;
/// Multiplications that a sample may cost: some seconds.
constexpr double kWork = 4e9;
/// A violation below this share of ‖d_j‖‖x‖ is rounding.
constexpr double kAccurate = 0x1.0p-50;
/// Sets of more atoms are left as they are: their Gram matrix would take more than 32 MB a thread.
constexpr std::size_t kMostAtoms = 2048;
/// Atoms that join at a time, at least.
constexpr std::size_t kFewest = 16;
/// A pivot below this share of its diagonal is rounding; then the diagonals grow by these shares, one after the other.
constexpr double kPivot = 0x1.0p-44, kDampings[] = {0, 0x1.0p-40, 0x1.0p-30, 0x1.0p-20};

/// The atoms in use: their Gram matrix, code and correlations with the residual.
class ActiveSet {
 public:
  ActiveSet(const ExactProblem& problem, double size) : problem_(problem), size_(size) {}

  std::size_t size() const { return atoms_.size(); }
  bool has(std::uint32_t atom) const { return std::find(atoms_.begin(), atoms_.end(), atom) != atoms_.end(); }
  void add(std::uint32_t atom, double value);
  Code64 code() const;
  /// Takes the correlations anew.
  void correlate(const std::vector<double>& residual) {
    for (std::size_t k = 0; k < atoms_.size(); ++k)
      correlations_[k] = problem_.correlation(atoms_[k], residual);
  }
  void settle(const Execution& execution);

 private:
  bool sweep();
  enum class Step { none, blocked, full };
  Step newton();
  bool factor(std::vector<double>& matrix, const std::vector<std::size_t>& active, double damping) const;
  void move(std::size_t k, double to);
  double curvature(std::size_t k) const { return gram_[k][k] + problem_.penalty().ridge; }

  const ExactProblem& problem_;
  const double size_;  // ‖x‖
  std::vector<std::uint32_t> atoms_;
  std::vector<const float*> rows_;
  std::vector<std::vector<double>> gram_;
  std::vector<double> values_, correlations_, bounds_;
  double work_ = 0;
};

void ActiveSet::add(std::uint32_t atom, double value) {
  const Dictionary& dictionary = problem_.dictionary();
  if (dictionary.norm(atom) == 0 || !std::isfinite(problem_.bound(atom))) return;
  rows_.push_back(dictionary.atom(atom));
  atoms_.push_back(atom);
  std::vector<double> products(rows_.size());
  if (problem_.low()) {
    std::vector<double> row(dictionary.dims());
    dictionary.read(atom, row.data());
    for (std::size_t k = 0; k < atoms_.size(); ++k) products[k] = problem_.correlation(atoms_[k], row);
  } else {
    dots::table().correlate(rows_.data(), rows_.size(), rows_.back(), dictionary.dims(), products.data());
  }
  for (std::size_t k = 0; k < gram_.size(); ++k) gram_[k].push_back(products[k]);
  gram_.push_back(std::move(products));
  values_.push_back(value);
  correlations_.push_back(0);
  bounds_.push_back(problem_.bound(atom));
}

Code64 ActiveSet::code() const {
  Code64 code;
  for (std::size_t k = 0; k < atoms_.size(); ++k)
    if (values_[k] != 0) code.emplace_back(atoms_[k], values_[k]);
  std::sort(code.begin(), code.end());
  return code;
}

void ActiveSet::move(std::size_t k, double to) {
  const double change = to - values_[k];
  values_[k] = to;
  if (change == 0) return;
  const std::vector<double>& row = gram_[k];
  for (std::size_t i = 0; i < row.size(); ++i) correlations_[i] -= change * row[i];
}

/// Each coordinate to its minimum; true if none was off by more than rounding.
bool ActiveSet::sweep() {
  bool settled = true;
  for (std::size_t k = 0; k < atoms_.size(); ++k) {
    const double rho = correlations_[k] + gram_[k][k] * values_[k], before = values_[k];
    double next = 0;
    if (rho > bounds_[k])
      next = (rho - bounds_[k]) / curvature(k);
    else if (rho < -bounds_[k] && !problem_.penalty().nonnegative)
      next = (rho + bounds_[k]) / curvature(k);
    if (!std::isfinite(next)) next = 0;
    move(k, next);
    settled =
        settled && std::fabs(next - before) * curvature(k) <= kAccurate * std::sqrt(gram_[k][k]) * size_;
  }
  return settled;
}

/// Cholesky of G_AA + βI with its diagonal enlarged; false if a pivot is rounding.
bool ActiveSet::factor(std::vector<double>& matrix, const std::vector<std::size_t>& active,
                       double damping) const {
  const std::size_t n = active.size();
  for (std::size_t i = 0; i < n; ++i) {
    double* row = matrix.data() + i * n;
    for (std::size_t j = 0; j <= i; ++j) {
      const double* other = matrix.data() + j * n;
      double sum = gram_[active[i]][active[j]];
      if (i == j) sum = sum * (1 + damping) + problem_.penalty().ridge;
      const double whole = sum;
      for (std::size_t k = 0; k < j; ++k) sum -= row[k] * other[k];
      if (i != j)
        row[j] = sum / other[j];
      else if (sum > kPivot * whole)
        row[i] = std::sqrt(sum);
      else
        return false;
    }
  }
  return true;
}

/// One step towards the minimum on the face of the present signs, up to the first atom that would change its sign.
ActiveSet::Step ActiveSet::newton() {
  std::vector<std::size_t> active;
  for (std::size_t k = 0; k < atoms_.size(); ++k)
    if (values_[k] != 0) active.push_back(k);
  const std::size_t n = active.size();
  if (n == 0) return Step::none;
  const double size = static_cast<double>(n);
  work_ += size * size * size / 6;
  std::vector<double> matrix(n * n), step(n);
  bool factored = false;
  for (const double damping : kDampings)
    if ((factored = factor(matrix, active, damping))) break;
  if (!factored) return Step::none;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t k = active[i];
    step[i] =
        correlations_[k] - std::copysign(bounds_[k], values_[k]) - problem_.penalty().ridge * values_[k];
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) step[i] -= matrix[i * n + k] * step[k];
    step[i] /= matrix[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) step[i] -= matrix[k * n + i] * step[k];
    step[i] /= matrix[i * n + i];
  }
  double length = 1;
  std::size_t first = n;
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(step[i])) return Step::none;
    const double value = values_[active[i]];
    if (value * step[i] < 0 && -value / step[i] < length) {
      length = -value / step[i];
      first = i;
    }
  }
  for (std::size_t i = 0; i < n; ++i) move(active[i], i == first ? 0 : values_[active[i]] + length * step[i]);
  return first < n ? Step::blocked : Step::full;
}

/// The minimum of a face, then the neighbours that one sweep leads to, and so on.
void ActiveSet::settle(const Execution& execution) {
  for (unsigned face = 0; face < kFaces && work_ < kWork && !execution.cancelled(); ++face) {
    Step step = Step::blocked;
    while (step == Step::blocked) step = newton();
    bool settled = sweep();
    if (step == Step::none && !settled)
      for (unsigned k = 0; k < kPatientSweeps && !settled; ++k) settled = sweep();
    if (settled) return;
  }
}

}  // namespace

Code64 in_float32(const Code64& code) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  Code64 rounded;
  for (const auto& [j, value] : code) {
    const double held = static_cast<double>(static_cast<float>(std::clamp(value, -kLargest, kLargest)));
    if (held != 0) rounded.emplace_back(j, held);
  }
  return rounded;
}

Refined refine(const ExactProblem& problem, const Code64& start, double tolerance, bool float32,
               const Execution& execution) {
  Refined best{{}, problem.zero(), 0};
  ActiveSet set(problem, std::sqrt(2 * problem.zero()));
  if (start.size() > kMostAtoms) return best;
  for (const auto& [j, value] : start)
    if (!problem.penalty().nonnegative || value > 0) set.add(j, value);
  std::vector<double> residual, of_answer;
  std::vector<ExactProblem::Violator> violators;
  problem.objective(set.code(), residual);
  double least = kInfinity;
  for (unsigned round = 0, idle = 0; round < kRounds && idle < kPatience; ++round) {
    set.correlate(residual);
    set.settle(execution);
    const Code64 code = set.code();
    const double given = problem.objective(code, residual);
    Code64 answer = float32 ? in_float32(code) : code;
    const double objective = float32 ? problem.objective(answer, of_answer) : given;
    if (objective < best.objective) {
      best.objective = objective;
      best.code = std::move(answer);
    }
    best.dual = std::max(best.dual, problem.dual(residual, code, execution, &violators));
    const double gap = problem.gap(best.objective, best.dual);
    if (gap <= tolerance || execution.cancelled()) break;
    std::erase_if(violators, [&](const auto& violator) { return set.has(violator.atom); });
    idle = violators.empty() && !(gap < 0.5 * least) ? idle + 1 : 0;
    least = std::min(least, gap);
    const std::size_t room = std::min(std::max(kFewest, set.size() / 2), kMostAtoms - set.size());
    for (std::size_t k = 0; k < std::min(room, violators.size()); ++k) set.add(violators[k].atom, 0);
  }
  return best;
}

}  // namespace unsuperpose
