// What can be proved about a code a of x, from exact float32 data, in float64 with every rounding bounded.
//
// Gap: θ = s·(r̂, −√β·a) is dual feasible when s·|d_j·r̂ − βa_j| ≤ λw_j for all j, for any vector r̂
// (certificate.hpp); r̂ is the computed residual, P and the dual value get their rounding errors added.
//
// All of a sample is in units of 2^unit, the exponent of its split parts: squares of what float64 holds may leave float64.
//
// Support: let I and s be the support and signs of a, G = D_I D_Iᵀ + βI and a* = G⁻¹(D_I x − λws) (Fuchs 2004;
// Tibshirani 2013, "The lasso problem and uniqueness"). If G is positive definite, sign(a*) = s and
// |d_j·(x − a*D)| < λw_j off I, then a* is the only minimiser. With ã ≈ a* and e = D_I(x − ãD) − λws − βã,
//   ‖ã − a*‖ ≤ ‖e‖/μ   and   ‖(ã − a*)D‖ ≤ ‖e‖/√μ,   0 < μ ≤ λ_min(G),
// where μ comes from a Cholesky factorisation of G − σI that runs to its end (Rump 2006, "Verification of
// positive definiteness"): λ_min(G) ≥ σ − γ·trace(G).
#include "certify.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "../core/sums.hpp"
#include "../scoring/exact.hpp"
#include "../scoring/vectors.hpp"
#include "support_gram.hpp"

namespace unsuperpose {
namespace {

using scoring::Strongest;

/// Samples scored together, and samples of one unit of work.
constexpr std::size_t kBatch = 256, kDeviceBatch = 2048;
constexpr std::size_t kBlock = 4;
/// Larger supports are not factorised: their Gram matrices would take more than 32 MB a thread.
constexpr std::size_t kMostSupport = 2048;
/// Scores kept beyond the largest support, so that ties rarely need a scan of all atoms.
constexpr std::size_t kSpare = 16;
/// Covers what a bound's own evaluation rounds.
constexpr double kSlack = 1 + 1e-9;
/// Covers underflow in float64 products of float32 data.
constexpr double kTiny = 1e-250;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using sums::dot, sums::norm;

/// What is known of a sample before its vectors are scored.
struct Case {
  std::vector<std::uint32_t> support;
  std::vector<double> code, signs, polished;
  double residual_norm = 0, polished_norm = 0, fuchs_norm = 0;
  double residual_error = 0, polished_error = 0;  // bounds of ‖computed − exact residual‖
  double eigenvalue = 0;                          // μ, 0 if not proved
  double code_error = kInfinity;                  // bound of ‖ã − a*‖
  double fold_error = kInfinity;                  // bound of ‖(ã − a*)D‖
  double fuchs_error = 0;
  bool signs_proved = false;
};

class Certifier {
 public:
  Certifier(const Samples& samples, const SparseCodes& codes, const Dictionary& dictionary,
            const CertifyOptions& options, const Execution& execution, Certification& out)
      : samples_(samples),
        codes_(codes),
        dictionary_(dictionary),
        options_(options),
        execution_(execution),
        out_(out),
        dims_(dictionary.dims()),
        low_(options.wide && dictionary.split()),
        scorer_(dictionary.rows(low_, execution.device), options.weights, options.nonnegative,
                execution.device ? scoring::Ladder::finest : scoring::Ladder::float32),
        rung_(scorer_.telling_rung()) {
    if (options.weights.empty()) atom_bound_ = (dictionary.max_norm() + hidden()) * kSlack;
    for (std::size_t j = 0; j < options.weights.size(); ++j)
      atom_bound_ = std::max(atom_bound_, norm_of(j) / weight(j) * kSlack);
  }

  void batch(std::size_t first, std::size_t count) {
    cases_.assign(count, {});
    for (auto* vectors : {&residuals_, &polished_, &fuchs_}) vectors->assign(count * dims_, 0);
    const std::size_t blocks = (count + kBlock - 1) / kBlock;
    const auto each = [&](const auto& body) {
      execution_.for_each(blocks, [&](std::size_t block) {
        for (std::size_t i = block * kBlock;
             i < std::min(count, (block + 1) * kBlock) && !execution_.cancelled(); ++i)
          body(i);
      });
    };
    each([&](std::size_t i) { prepare(first + i, i); });
    std::vector<Strongest> found[3];
    const std::vector<double>* vectors[3] = {&residuals_, &polished_, &fuchs_};
    for (std::size_t v = 0; v < 3 && !execution_.cancelled(); ++v) score(*vectors[v], each, found[v]);
    if (execution_.cancelled()) return;
    each([&](std::size_t i) { finish(first + i, i, found[0][i], found[1][i], found[2][i]); });
    execution_.advance(count);
  }

 private:
  double weight(std::size_t j) const { return scorer_.weight(j); }
  double hidden() const { return low_ ? dictionary_.hidden() : 0; }
  /// At least ‖d_j‖.
  double norm_of(std::size_t j) const { return dictionary_.norm(j) + hidden(); }
  /// d_j · v
  double product(std::uint32_t j, const double* v) const {
    const double high = dot(dictionary_.atom(j), v, dims_);
    return low_ ? high + dot(dictionary_.low(j), v, dims_) : high;
  }
  int unit(std::size_t sample) const { return options_.wide ? samples_.exponent(sample) : 0; }
  std::vector<double> read(std::size_t sample) const {
    std::vector<double> x(dims_);
    if (options_.wide)
      samples_.read(sample, x.data(), 0);
    else
      std::copy_n(samples_.high.row(sample), dims_, x.data());
    return x;
  }
  double lambda(std::size_t sample) const {
    return std::ldexp(options_.lambda[options_.lambda.size() == 1 ? 0 : sample], -unit(sample));
  }

  /// r = x − Σ a_i d_i; answers a bound of ‖r − its exact value‖.
  double residual(const double* x, const Case& c, const std::vector<double>& code, double* r) const {
    for (std::size_t k = 0; k < dims_; ++k) r[k] = x ? x[k] : 0;
    double size = norm(r, dims_);
    for (std::size_t i = 0; i < c.support.size(); ++i) {
      const float* atom = dictionary_.atom(c.support[i]);
      for (std::size_t k = 0; k < dims_; ++k) r[k] -= code[i] * static_cast<double>(atom[k]);
      if (low_) {
        const float* rest = dictionary_.low(c.support[i]);
        for (std::size_t k = 0; k < dims_; ++k) r[k] -= code[i] * static_cast<double>(rest[k]);
      }
      size += std::fabs(code[i]) * norm_of(c.support[i]);
    }
    return gamma64((low_ ? 2 : 1) * c.support.size() + 2) * size * kSlack + kTiny;
  }

  void prepare(std::size_t sample, std::size_t i) {
    Case& c = cases_[i];
    for (std::size_t k = codes_.indptr[sample]; k < codes_.indptr[sample + 1]; ++k)
      if (const double value = codes_.value(k); value != 0) {
        c.support.push_back(codes_.indices[k]);
        c.code.push_back(std::ldexp(value, -unit(sample)));
        c.signs.push_back((value > 0 ? 1 : -1) * weight(codes_.indices[k]));
      }
    const std::vector<double> input = read(sample);
    const double* x = input.data();
    double* r = residuals_.data() + i * dims_;
    c.residual_error = residual(x, c, c.code, r);
    c.residual_norm = norm(r, dims_);
    c.polished = c.code;
    polish(x, lambda(sample), i);
  }

  /// e = D_I r − λws − βã for the right-hand side t·ws; answers a bound of ‖its error‖, given r's.
  double mismatch(const Case& c, const std::vector<double>& code, double t, const double* r, double error,
                  std::vector<double>& e) const {
    const double size = norm(r, dims_);
    double squared = 0;
    for (std::size_t k = 0; k < c.support.size(); ++k) {
      const double target = t * c.signs[k], ridge = options_.ridge * code[k];
      e[k] = product(c.support[k], r) - target - ridge;
      const double bound = norm_of(c.support[k]) * (error + gamma64(dims_ + 4) * size) +
                           gamma64(4) * (std::fabs(target) + std::fabs(ridge)) + kTiny;
      squared += bound * bound;
    }
    return std::sqrt(squared) * kSlack;
  }

  void polish(const double* x, double lambda, std::size_t i) {
    Case& c = cases_[i];
    const std::size_t k = c.support.size();
    double* r = polished_.data() + i * dims_;
    if (k == 0) {
      c.polished_error = residual(x, c, c.polished, r);
      c.eigenvalue = kInfinity;
      c.code_error = c.fold_error = 0;
      c.signs_proved = true;
    } else if (k <= kMostSupport && (options_.ridge > 0 || k <= dims_)) {
      const SupportGram gram(dictionary_, c.support, options_.ridge, {}, low_);
      c.eigenvalue = gram.smallest_eigenvalue();
      if (c.eigenvalue > 0) {
        std::vector<double> e(k);
        double bound = 0;
        constexpr int kRefinements = 3;
        for (int round = 0;; ++round) {
          c.polished_error = residual(x, c, c.polished, r);
          bound = mismatch(c, c.polished, lambda, r, c.polished_error, e);
          if (round == kRefinements) break;
          gram.solve(e);
          for (std::size_t j = 0; j < k; ++j) c.polished[j] += e[j];
        }
        const double size = (norm(e.data(), k) + bound) * kSlack;
        c.code_error = size / c.eigenvalue * kSlack;
        c.fold_error = size / std::sqrt(c.eigenvalue) * kSlack;
        c.signs_proved = std::isfinite(c.code_error);
        for (std::size_t j = 0; j < k; ++j)
          c.signs_proved =
              c.signs_proved && c.polished[j] * c.signs[j] > 0 && std::fabs(c.polished[j]) > c.code_error;
        // p = D_I⁺s solves the same system with x = 0 and λ = −1, up to sign.
        std::vector<double> b = c.signs, rest(k);
        double* p = fuchs_.data() + i * dims_;
        gram.solve(b);
        const double error = residual(nullptr, c, b, p);
        const double off = mismatch(c, b, -1, p, error, rest);
        c.fuchs_error = error + (norm(rest.data(), k) + off) / std::sqrt(c.eigenvalue) * kSlack;
        for (std::size_t j = 0; j < dims_; ++j) p[j] = -p[j];
        c.fuchs_norm = norm(p, dims_);
      }
    }
    c.polished_norm = norm(r, dims_);
  }

  bool on_support(const Case& c, std::uint32_t j) const {
    return std::binary_search(c.support.begin(), c.support.end(), j);
  }

  /// The strongest atom off the support for each vector, exact up to the rounding of a float64 dot product.
  template <class Each>
  void score(const std::vector<double>& vectors, const Each& each, std::vector<Strongest>& found) {
    const std::size_t count = cases_.size();
    std::size_t largest = 0;
    for (const Case& c : cases_) largest = std::max(largest, c.support.size());
    scaled_.resize(count, dims_);
    requests_.assign(count, {});
    each([&](std::size_t i) {
      const double* v = vectors.data() + i * dims_;
      scaled_.set(i, v);
      requests_[i] = {.row = static_cast<std::uint32_t>(i),
                      .norm = std::ldexp(norm(v, dims_), -scaled_.exponent(i)),
                      .hidden = scaled_.hidden()};
    });
    if (execution_.cancelled()) return;
    scorer_.list(rung_, scaled_.rows(), requests_, largest + kSpare, execution_);
    if (execution_.cancelled()) return;
    found.assign(count, {});
    each([&](std::size_t i) {
      const double* v = vectors.data() + i * dims_;
      found[i] = scoring::strongest_exactly(
          scorer_, scorer_[i], dictionary_.features(), scaled_.exponent(i),
          [&](std::uint32_t j) { return scorer_.strength(product(j, v), weight(j)); },
          [&](std::uint32_t j) { return !on_support(cases_[i], j); });
    });
  }

  /// An upper bound of the relative gap of the code.
  double gap(std::size_t sample, std::size_t i, double off_support, double& objective) const {
    const Case& c = cases_[i];
    const std::vector<double> input = read(sample);
    const double* x = input.data();
    const double* r = residuals_.data() + i * dims_;
    const double l = lambda(sample), ridge = options_.ridge;
    const double squared_input = dot_self(x), input_residual = dot(x, r, dims_);
    double l1 = 0, squared_code = 0, strongest = off_support;
    bool feasible = true;
    for (std::size_t k = 0; k < c.support.size(); ++k) {
      const std::uint32_t j = c.support[k];
      l1 += weight(j) * std::fabs(c.code[k]);
      squared_code += c.code[k] * c.code[k];
      const double raw = product(j, r) - ridge * c.code[k];
      strongest = std::max(strongest, ((options_.nonnegative ? raw : std::fabs(raw)) +
                                       gamma64(4) * ridge * std::fabs(c.code[k])) /
                                          weight(j));
      feasible = feasible && !(options_.nonnegative && c.code[k] < 0);
    }
    strongest += gamma64(dims_ + 4) * atom_bound_ * c.residual_norm * kSlack + kTiny;
    const double squared_residual = c.residual_norm * c.residual_norm;
    objective = 0.5 * squared_residual + l * l1 + 0.5 * ridge * squared_code;
    if (!feasible) return kInfinity;
    const double curvature = squared_residual + ridge * squared_code;
    double s = curvature > 0 ? input_residual / curvature : 1;
    s = std::clamp(s, 0.0, l / (strongest * kSlack));
    const double dual = s * input_residual - 0.5 * s * s * curvature;
    const double rounding =
        gamma64(dims_ + c.support.size() + 16) *
            (objective + s * std::sqrt(squared_input) * c.residual_norm + s * s * curvature) +
        c.residual_error * (c.residual_norm + c.residual_error) + kTiny * l1;
    const double result =
        (std::max(0.0, objective - dual) + rounding * kSlack) / (0.5 * squared_input) * kSlack;
    if (squared_input == 0) return c.support.empty() ? 0 : kInfinity;
    return result >= 0 ? result : kInfinity;
  }

  double dot_self(const double* x) const {
    double sum = 0;
    for (std::size_t k = 0; k < dims_; ++k) sum += x[k] * x[k];
    return sum;
  }

  void finish(std::size_t sample, std::size_t i, const Strongest& given, const Strongest& polished,
              const Strongest& fuchs) {
    const Case& c = cases_[i];
    const double l = lambda(sample);
    const auto margin = [&](double size, double error) {
      return (gamma64(dims_ + 4) * size + error) * atom_bound_ * kSlack + kTiny;
    };
    double objective = 0;
    out_.gap[sample] = gap(sample, i, given.value, objective);
    out_.objective[sample] = std::ldexp(objective, 2 * unit(sample));
    const bool full_rank = c.eigenvalue > 0;
    const bool proved =
        c.signs_proved &&
        (polished.value + margin(c.polished_norm, c.polished_error + c.fold_error)) * kSlack < l;
    const Strongest& worst = full_rank ? polished : given;
    out_.eigenvalue[sample] = c.eigenvalue;
    out_.worst[sample] = worst.index;
    out_.correlation[sample] = worst.value / l;
    out_.fuchs[sample] = !full_rank          ? kNaN
                         : c.support.empty() ? 0
                                             : fuchs.value + margin(c.fuchs_norm, c.fuchs_error);
    out_.unique[sample] = proved || options_.ridge > 0;
    out_.polished[sample] = out_.error[sample] = kNaN;
    if (proved) {
      double error = 0, l1 = 0, squared_code = 0;
      for (std::size_t k = 0; k < c.support.size(); ++k) {
        error = std::max(error, std::fabs(c.code[k] - c.polished[k]));
        l1 += weight(c.support[k]) * std::fabs(c.polished[k]);
        squared_code += c.polished[k] * c.polished[k];
      }
      // Up, where the caller's units are too small for float64.
      out_.error[sample] = std::ldexp((error + c.code_error) * kSlack, unit(sample));
      if (out_.error[sample] < std::numeric_limits<double>::min() && error + c.code_error > 0)
        out_.error[sample] = std::nextafter(out_.error[sample], kInfinity);
      out_.polished[sample] =
          std::ldexp(0.5 * c.polished_norm * c.polished_norm + l * l1 + 0.5 * options_.ridge * squared_code,
                     2 * unit(sample));
    }
    const bool bounded = out_.gap[sample] <= options_.tolerance;
    out_.verdict[sample] = static_cast<std::uint8_t>(!bounded ? Verdict::none
                                                     : proved ? Verdict::exact
                                                              : Verdict::bounded);
  }

  Samples samples_;
  const SparseCodes& codes_;
  const Dictionary& dictionary_;
  const CertifyOptions& options_;
  const Execution& execution_;
  Certification& out_;
  std::size_t dims_;
  bool low_;               // atoms' low parts count
  double atom_bound_ = 0;  // at least max_j ‖d_j‖/w_j
  scoring::Scorer scorer_;
  std::size_t rung_;  // of it, in which all is scored
  scoring::ScaledVectors scaled_;
  std::vector<scoring::Request> requests_;
  std::vector<Case> cases_;
  std::vector<double> residuals_, polished_, fuchs_;
};

}  // namespace

Status certify(const Samples& samples, const SparseCodes& codes, const Dictionary& dictionary,
               const CertifyOptions& options, const Execution& execution, Certification& out) {
  const std::size_t n = samples.rows();
  if (samples.cols() != dictionary.dims() || codes.indptr.size() != n + 1 ||
      (options.lambda.size() != 1 && options.lambda.size() != n) ||
      (!options.weights.empty() && options.weights.size() != dictionary.features()))
    return Status::fail(Code::shape,
                        "certify: activations, codes, lambda, weights and dictionary do not fit");
  if (Status status = check_atoms(dictionary, options.wide); !status.ok()) return status;
  execution.set_total(n);
  for (auto* values :
       {&out.gap, &out.fuchs, &out.eigenvalue, &out.correlation, &out.objective, &out.polished, &out.error})
    values->assign(n, 0);
  out.verdict.assign(n, 0);
  out.unique.assign(n, 0);
  out.worst.assign(n, kNone);
  Certifier certifier(samples, codes, dictionary, options, execution, out);
  const std::size_t together = execution.device ? kDeviceBatch : kBatch;
  for (std::size_t first = 0; first < n && !execution.cancelled(); first += together)
    certifier.batch(first, std::min(together, n - first));
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
