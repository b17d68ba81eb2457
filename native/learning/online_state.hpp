// What online dictionary learning keeps between steps.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/aligned.hpp"
#include "../kernels/product/product.hpp"
#include "../scoring/mutable_dictionary.hpp"
#include "../solvers/unfolding.hpp"
#include "common_scale.hpp"
#include "online.hpp"
#include "online_device.hpp"

namespace unsuperpose {

struct OnlineLearner::State {
  /// A sample that could become an atom, by the share of its energy that is not explained.
  struct Candidate {
    double unexplained;
    std::uint32_t sample;
  };

  /// Two atoms that samples use together, with equal signs or with opposite ones.
  struct Pair {
    double together = 0;
    std::uint32_t first = 0, second = 0;
    bool opposite = false;
  };

  /// An atom and what it is to become.
  struct Change {
    std::uint32_t atom;
    const std::vector<float>* direction;
  };

  struct Sums {
    double objective = 0, squared_residual = 0, squared_apart = 0, active = 0;
    std::uint64_t samples = 0;
    std::vector<double> mean;  // of the samples; squared_apart is Σ‖x − mean‖²
  };

  OnlineOptions options;
  std::size_t dims, stride, a_stride;
  MutableDictionary atoms;      // D: those that have a start
  AlignedBuffer<float> a;       // A: features × a_stride; here() makes it
  AlignedBuffer<float> b;       // B: features × stride
  product::PackedRows columns;  // Dᵀ: dims × features, zero where an atom has no start
  bool columns_behind = true;   // as nobody has asked for them yet, or atoms have changed on a device
  std::unique_ptr<DeviceStatistics> there;  // A and B where they are on a device; what is here is old then
  std::vector<float> diagonal;              // of A, where it is on a device
  const device::Device* full = nullptr;     // has no room for A and B
  bool used_device = false;                 // for codes
  double weight = 1;                        // of the current batch in A and B
  std::vector<float> fresh;                 // what A_jj gained since atom j was last updated
  std::vector<double> recent;               // forgetting count of samples that used a feature
  std::vector<double> usage;                // the same without forgetting
  std::vector<double> used;                 // the same since the atom was made
  std::vector<std::uint32_t> touched;       // features that the last batch used, ascending
  std::vector<std::uint32_t> due;           // those of them that are updated
  std::vector<std::vector<std::uint32_t>> users_by_feature;  // places in the batch's codes
  std::vector<Candidate> candidates;
  std::vector<float> pool;  // samples that atoms are drawn among, until the first step
  CommonScale scale;
  AlignedBuffer<float> kept;  // what the mask of a batch lets through
  std::uint64_t steps = 0, samples = 0, replaced = 0;
  bool eased = true;  // with larger λ at first: the atoms started from samples
  Sums since;
  LearningSeconds seconds;

  State(std::size_t dims_, const OnlineOptions& options_)
      : options(options_),
        dims(dims_),
        stride(round_up(dims_, kCacheLine / sizeof(float))),
        a_stride(round_up(options_.features, kCacheLine / sizeof(float))),
        atoms(dims_),
        b(AlignedBuffer<float>::zeros(options_.features * stride)),
        columns({AlignedBuffer<float>::zeros(dims_ * options_.features).data(), dims_, options_.features}),
        fresh(options_.features, 0),
        recent(options_.features, 0),
        usage(options_.features, 0),
        used(options_.features, 0),
        users_by_feature(options_.features) {
    atoms.reserve(options_.features);
  }

  Matrix32 a_view() { return {a.data(), options.features, options.features, a_stride}; }
  Matrix32 b_view() { return {b.data(), options.features, dims, stride}; }
  /// A_jj
  float own(std::size_t j) const { return there ? diagonal[j] : a[j * a_stride + j]; }
  void here();
  void place(device::Device& device);
  void settle(const Execution& execution);
  void fetch();
  void bring_back();
  Status unfold_with_room(ConstMatrix32 batch, const Dictionary& dictionary, const Method& method,
                          const Execution& execution, Unfolding& out);
  bool teach_device(ConstMatrix32 batch, const SparseCodes& codes);
  Status improve_on_device(const Execution& execution, bool& improved);
  void count_users(std::uint32_t j, const SparseCodes& codes);
  void set_atom(std::size_t j, const float* from);
  void add_atom(const float* from);
  bool draws() const { return options.start == AtomStart::apart && atoms.features() == 0; }
  void draw_from(ConstMatrix32 samples) {
    for (std::size_t i = 0; i < samples.rows; ++i)
      pool.insert(pool.end(), samples.row(i), samples.row(i) + dims);
  }
  void draw_apart(ConstMatrix32 samples, const Execution& execution);
  void initialise(ConstMatrix32 batch, const Execution& execution);
  double keeps() const;
  void forget(double share);
  void forget_all();
  void rescale(int rise);
  std::vector<double> lambdas(ConstMatrix32 batch) const;
  std::uint32_t sparsity() const;
  void observe_fit(ConstMatrix32 batch, const std::vector<double>& lambda, const Unfolding& unfolding);
  void group(const SparseCodes& codes);
  static std::vector<std::uint32_t> samples_of(const SparseCodes& codes);
  void accumulate(ConstMatrix32 batch, const SparseCodes& codes, const Execution& execution);
  void choose_due();
  std::size_t atom_block() const;
  void multiply_out(const std::uint32_t* members, std::size_t count, Matrix32 out,
                    const Execution& execution);
  Status update_atoms(const Execution& execution);
  void solve_atoms(const Execution& execution);
  float best_code(double correlation, double threshold) const;
  void refine_atom(std::uint32_t j, const std::vector<double>& lambda, SparseCodes& codes,
                   const std::vector<std::uint32_t>& sample_of, Matrix32 residuals, float* past,
                   float* change);
  void refine(ConstMatrix32 batch, const std::vector<double>& lambda, bool remembers, SparseCodes& codes,
              const Execution& execution);
  void replace_unused(ConstMatrix32 batch);
  void start_again(std::size_t j, double count);
  double average_use() const;
  std::vector<Pair> partners(const SparseCodes& codes) const;
  bool shared_direction(ConstMatrix32 batch, const SparseCodes& codes, const Pair& pair,
                        std::vector<float>& out) const;
  Status exchange(ConstMatrix32 batch, const Unfolding& unfolding, const Method& method, const Pair& pair,
                  const std::vector<Change>& changes, const Execution& execution, bool& stays);
  Status exchange_merged(ConstMatrix32 batch, const Unfolding& unfolding, const Method& method,
                         std::uint64_t round, const Execution& execution, bool& stays);
  Status learn(ConstMatrix32 batch, double share, const Execution& execution);
  Status step(ConstMatrix32 batch, const Execution& execution);
};

}  // namespace unsuperpose
