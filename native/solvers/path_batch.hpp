// What the methods on the LASSO path share: a batch of samples, each solved on its candidate atoms, then checked
// against all atoms by one pass for the batch, until no atom outside a sample's candidates asks to come in.
//
// The path on the candidates is the path on the dictionary as far as the pass finds no violator at its end. A path costs
// some thousand operations a knot once the candidates' products are there, so a sample whose candidates grow walks
// it again from λ_max.
#pragma once
#include <utility>
#include <vector>

#include "batch.hpp"
#include "certificate.hpp"
#include "lasso_path.hpp"
#include "path_options.hpp"
#include "screening.hpp"

namespace unsuperpose {

struct PathSample {
  std::uint32_t slot = 0;  // place in the batch
  Candidates candidates;
  std::vector<std::pair<std::uint32_t, double>>
      codes;                       // position in the candidates, value (a float32 one unless float64)
  Evaluation at{};                 // of the codes
  Screening::Question question{};  // about the vector of this sample
  double lambda = 0;               // where the path was left
  double gap = 0;
  std::uint32_t knots = 0, stage = 0;
  std::vector<std::uint32_t>
      active;  // what is active from `lambda` on, and its signs: kept by paths that go on
  std::vector<double> signs;
  bool limited = false;  // the path hit the limit of knots
  Outcome outcome = Outcome::converged;
  bool done = false;
};

class PathBatch {
 public:
  PathBatch(const ScaledBatch& batch, const Dictionary& dictionary, const PathOptions& options,
            std::size_t first, const Execution& execution, std::vector<SampleResult>& out);
  virtual ~PathBatch() = default;
  /// Answers every sample of the batch.
  Status run(const SparseCodes* warm_start);
  /// The same for samples that were begun before and go on afterwards; those that are done keep their answer.
  Status proceed(std::vector<PathSample>& samples);

 protected:
  /// Leaves the first vector to score, and its question.
  virtual void begin(PathSample& sample);
  /// The threshold for the first pass, which scores the sample itself.
  virtual double first_threshold(const PathSample& sample) const = 0;
  /// Walks the path on the candidates; leaves codes, λ and the vector to score with its question.
  virtual void solve(PathSample& sample) = 0;
  /// No atom outside the candidates is a violator. Finishes the sample, or leaves the next problem's vector and question;
  /// `strongest` bounds max_j |d_j·v − βa_j|/w_j over all atoms from above.
  virtual void conclude(PathSample& sample, double strongest) = 0;
  /// Would conclude() find all that was asked for with this bound? Where not, the bound is made exact first.
  virtual bool settled(const PathSample& sample, double strongest) const = 0;

  /// solve() for one λ: the codes there, or where the limit of knots ended the walk, and their residual.
  void solve_at(PathSample& sample, double lambda);
  /// Walks a path from λ_max down to `lambda`, at most to the limit of knots.
  void walk(PathSample& sample, LassoPath& path, double lambda) const;
  /// One event; false at the limit of knots, or when the call is cancelled.
  bool step(PathSample& sample, LassoPath& path, const LassoPath::Event& event) const;
  /// The codes of the path at λ, their values (float32 ones unless float64 is asked for) and sums.
  void take_codes(PathSample& sample, const LassoPath& path, double lambda) const;
  /// The residual of the float64 codes at λ is the vector to score, with λ as threshold.
  void ask_residual(PathSample& sample, const LassoPath& path, double lambda);
  void ask(PathSample& sample, const std::vector<double>& v, double threshold, double noise);
  /// The same of a multiple of v with a norm in [½, 1), which float32 holds.
  void ask_multiple(PathSample& sample, std::vector<double> v, double threshold, double noise);
  /// y −= Σ_k factors[k] · atoms of positions[k]
  void subtract(std::vector<double>& y, const Candidates& candidates,
                const std::vector<std::uint32_t>& positions, const std::vector<double>& factors) const;
  std::vector<double> input(const PathSample& sample) const;
  void add_candidate(PathSample& sample, std::uint32_t atom) const;
  /// max_j |d_j·v − βa_j|/w_j for the vector that was asked about, every atom in float64: where float32's bound would say nothing.
  double strongest_exactly(const PathSample& sample) const;
  void finish(PathSample& sample, double objective);

  const ScaledBatch& batch_;
  const Dictionary& dictionary_;
  const PathOptions& options_;
  const bool wide_;  // atoms or samples have low parts that count
  const std::size_t first_;
  const Execution& execution_;
  std::vector<SampleResult>& out_;
  Screening screening_;
  scoring::SplitVectors vectors_;

 private:
  void advance(PathSample& sample, std::size_t position);
  double strongest_candidate(const PathSample& sample) const;
  std::vector<double> correlate(const PathSample& sample) const;

  const SparseCodes* warm_start_ = nullptr;
  bool goes_on_ = true;  // samples keep their candidates
  std::vector<Screening::Question> questions_;
};

/// The most knots of a path: the method's default where `asked` is 0.
std::uint32_t knot_limit(std::uint32_t asked, const Dictionary& dictionary, double ridge);

}  // namespace unsuperpose
