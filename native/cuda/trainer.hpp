// A sparse autoencoder in training on a device: what the table's functions of a trainer do (module.cpp).
#pragma once
#include <limits>
#include <vector>

#include "rows.hpp"
#include "thresholds.hpp"
#include "train.hpp"

namespace unsuperpose::cuda {

class Trainer {
 public:
  Trainer(const Device& device, const UnsuperposeCudaTraining& options);

  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;
  const Device& device() const { return device_; }
  void write(const UnsuperposeCudaTrained& from);
  void read(UnsuperposeCudaTrained& to);
  void step(const UnsuperposeCudaStep& step, UnsuperposeCudaReport& before);
  void settle(UnsuperposeCudaReport& last);

 private:
  /// Values, first and second moments of a tensor, one after the other.
  struct Tensor {
    Memory<float> data;
    std::size_t rows = 0, stride = 0;
    void reserve(std::size_t rows_, std::size_t stride_);
    Weights weights() const;
  };
  /// The memory of Entries.
  struct EntryMemory {
    Memory<unsigned> first, count, index, sample, start, next, placed, part_start, part_feature, part_count;
    Memory<float> value, pull, decoder_parts, encoder_parts;
    std::size_t width = 0, depth = 0;  // of a part's rows
    Memory<Use> uses;
    std::size_t each = 0;  // entries of a sample that `first` has places for; 0: it was made otherwise
    void reserve(std::size_t samples, std::size_t n, std::size_t features);
    /// For `each_` entries a sample.
    void place(std::size_t samples, std::size_t each_, std::size_t features, const Stream& stream);
    Entries entries() const;
  };
  /// Features that score: all, or those that are dead; with what a selecting product and exact scores need.
  struct Side {
    const unsigned* pick = nullptr;
    std::size_t count = 0;
    Tiles tiles;
    const float* factors = nullptr;
    bool timed = false;  // its stages are told
  };
  enum Stage {
    kCopy,
    kPrepare,
    kSample,  // of features, which tell a floor
    kSelect,
    kChoose,
    kAgain,  // what lists did not tell, and a wait for the host
    kDecode,
    kRevive,
    kSort,
    kMeasure,
    kUpdate,
    kStages
  };

  static constexpr std::size_t kAllTogether = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t kScoreBytes = std::size_t{128} << 20;

  void mark(Stage stage) { stages_[stage].record(stream_.get()); }
  void copy(const Tensor& tensor, const UnsuperposeCudaTensor& host, bool to_device);
  void reserve(std::size_t samples);
  void upload(const UnsuperposeCudaStep& step);
  void upload_alone(const UnsuperposeCudaStep& step);
  /// Of each sample the k strongest features of `side`.
  void encode(const Side& side, unsigned k, EntryMemory& to);
  void encode_part(const Side& side, unsigned k, const Part& part, const Entries& entries);
  void encode_all(const Side& side, unsigned k, const unsigned* which, std::size_t count, const Entries& to);
  unsigned encode_above(const Side& side, double floor, EntryMemory& to);
  void encode_together(const Side& side, unsigned k, double guess);
  bool list_all_above(const Side& side, double floor, EntryMemory& to, unsigned& found);
  unsigned list_above(const Side& side, double floor, const Part& part, const Entries& entries,
                      unsigned* kept);
  unsigned score_all_above(const Side& side, double floor, EntryMemory& to);
  unsigned reserve_entries(EntryMemory& to);
  double mean_threshold(const Side& side, unsigned k);
  unsigned counted();
  void round_input(const Part& part);
  void bound_rows();
  Select selection(const Side& side, const Part& part) const;
  Scores exact(const Side& side) const;
  template <class Body>
  void in_parts(const Body& body);
  std::size_t scored_together(std::size_t features, std::size_t samples) const;
  bool shrink();
  /// Does what takes memory; where there is too little, once more without what lists and scores had, which take less then, as long as they can.
  template <class Body>
  void with_room(const Body& body) {
    for (bool last = false; !last;) {
      try {
        return body();
      } catch (const Failure& failure) {
        if (failure.code != UNSUPERPOSE_CUDA_MEMORY) throw;
        last = !shrink();
      }
    }
    body();
  }
  void revive();
  void collect(UnsuperposeCudaReport& report);

  const Device device_;
  const UnsuperposeCudaTraining options_;
  Stream stream_, copying_;
  Upload upload_;
  Training training_;
  Tensor encoder_, decoder_, bias_, threshold_;
  RoundedRows rounded_, dead_rounded_, input_rounded_;
  Memory<float> factors_, dead_factors_;
  Memory<double> row_norms_, row_moved_;
  Memory<std::uint64_t> last_used_, usage_;
  Memory<unsigned> dead_flags_, dead_;
  std::size_t dead_count_ = 0;

  // Of a batch.
  Memory<float> given_[2], given_target_[2], input_, residual_, dead_residual_;
  Memory<double> input_squares_, squares_, dead_squares_, norms_, moved_;
  Memory<float> weakest_;
  Memory<unsigned> actives_, failed_, counts_;
  EntryMemory active_, revived_;
  EntryMemory crowd_;  // what is above a floor, of which the strongest become active_
  Memory<float> floors_;
  Memory<Cut> cut_;
  Memory<unsigned> greater_, alike_;
  unsigned room_ = 512;  // of lists of all above a floor
  double guess_ = 0;     // of the weakest activation
  Memory<UnsuperposeCudaEntry> lists_;
  // Samples that lists are made of at a time, and bytes of exact scores at a time; less where memory is short.
  std::size_t together_ = kAllTogether, score_bytes_ = kScoreBytes;
  bool alternates_ = true;  // the next batch is copied while the step before is computed
  Memory<double> scores_, partial_, target_mean_, target_apart_, residual_sums_, bias_sums_, square_parts_,
      bound_parts_;
  Memory<float> bias_parts_;
  Memory<Outcome> outcome_;
  Thresholds thresholds_;
  Event arrived_;

  // Of the step that is on its way.
  Pinned<Outcome> seen_;
  Pinned<double> mean_seen_;
  Pinned<unsigned> failed_seen_;
  Event stages_[kStages + 1], done_;
  std::uint64_t begun_ = 0;  // its number; 0: there is none
  std::uint64_t begun_samples_ = 0;
  unsigned turn_ = 0;
  std::uint64_t faulty_ = 0;  // the step that came to nothing; 0: there is none
  std::int32_t fault_ = 0;
};

}  // namespace unsuperpose::cuda
