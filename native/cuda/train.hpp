// What a step of training a sparse autoencoder needs on a device, and its kernels (trainer.cpp calls them in this order). Rows are padded with
// zeros to a multiple of four entries. An encoder's row is w_j, b_j, and where features have thresholds what selects them besides; it scores
// [x', 1, …]. All sums have a fixed order, so that the same batches give the same bits.
#pragma once
#include "kernels.hpp"

namespace unsuperpose::cuda {

/// One tensor with what Adam needs of it.
struct Weights {
  float *values = nullptr, *first = nullptr, *second = nullptr;
};

/// Adam's settings of one step (native/kernels/adam/adam.hpp has the formulas).
struct Adam {
  float rate, beta1, beta2, correction, epsilon;
};

/// What a feature is to one sample: by feature, ascending by sample.
struct Use {
  unsigned sample;
  float value, pull;
};

/// Uses of a feature that one warp adds up, and of a part of more.
inline constexpr unsigned kLongUses = 256, kPartUses = 128;

/// Pairs of a sample and a feature, by sample: those of sample i stand from first[i] on, ascending by feature.
struct Entries {
  unsigned* first = nullptr;  // samples + 1
  unsigned* count = nullptr;
  unsigned *index = nullptr, *sample = nullptr;  // one an entry, as the two after them
  float* value = nullptr;                        // what decodes
  float* pull = nullptr;                         // dL/dh
  unsigned* start = nullptr;                     // features + 1: where each feature's uses start
  unsigned* next = nullptr;                      // features: for transpose()
  unsigned* placed = nullptr;                    // entries, likewise
  Use* uses = nullptr;
  // Of features with more than kLongUses uses: their first part, whose feature each part is, how many parts there are, and what each adds up to.
  unsigned *part_start = nullptr, *part_feature = nullptr, *part_count = nullptr;
  float *decoder_parts = nullptr, *encoder_parts = nullptr;
};

/// Why a step came to nothing; the first that is found counts.
enum Fault : unsigned { kNone, kTooLarge, kLoss, kEncoder, kDecoder, kBias, kThreshold, kNorm, kLength };

/// What a step comes to, kept on the device and read at its end.
struct Outcome {
  double loss, squared_residual, squared_apart, gradient_norm, weakest;
  double bound;                        // of the gradient's norm
  double largest_norm, largest_moved;  // of the encoder's rows as rounded
  float factor;                        // of the gradient
  float price;                         // of a feature's being active (jump_relu)
  unsigned active, fault, dead, failed, measures;
  unsigned unfit;  // a decoder's row has no length after the step
};

/// Everything that kernels read and write. Pointers are the device's.
struct Training {
  unsigned features = 0, samples = 0;
  unsigned inputs = 0, outputs = 0;  // of samples and targets
  unsigned constants = 1;            // entries of an encoder's row after w_j
  unsigned width = 0, depth = 0;     // of an encoder's and a decoder's row: padded
  bool subtract_bias = true, aligned = false, jumps = false;
  double clip = 1;
  double lambda = 0, target_l0 = 0;  // of jump_relu
  float bandwidth = 0;
  std::uint64_t dead_after = 0;

  Weights encoder, decoder, bias, threshold;
  Tiles tiles;                                        // the encoder, rounded to float16
  float* factors = nullptr;                           // column_factors() of it
  double *row_norms = nullptr, *row_moved = nullptr;  // one a feature, likewise
  std::uint64_t *last_used = nullptr, *usage = nullptr;
  unsigned *dead_before = nullptr, *dead = nullptr;  // features + 1 scanned flags; the dead, ascending

  const float *given = nullptr,
              *given_target = nullptr;  // samples x inputs, outputs; the second null: the same
  double input_scale = 1, target_scale = 1;
  float* input = nullptr;     // samples x width: x', 1
  float* residual = nullptr;  // samples x depth: y − b_dec until it is decoded
  float* dead_residual = nullptr;
  double *input_squares = nullptr, *squares = nullptr, *dead_squares = nullptr;
  float* weakest = nullptr;  // one a sample, as the three before it
  unsigned* actives = nullptr;
  Entries active, revived;
  bool revives = false;
  float dead_share = 0;

  double* partial = nullptr;                               // column_sums(), column_spreads()
  double *target_mean = nullptr, *target_apart = nullptr;  // outputs: of the targets as given
  float* bias_parts = nullptr;                             // (features / kTogether) x depth
  double* square_parts = nullptr;                          // the same x 3: encoder, decoder, thresholds
  double* bound_parts = nullptr;                           // the same x 3
  double *residual_sums = nullptr, *bias_sums = nullptr;   // outputs
  Outcome* outcome = nullptr;
};

/// Features that a block of the updating kernel goes through, and rows that a part of column_sums() adds up.
inline constexpr unsigned kFeaturesTogether = 8, kRowsTogether = 128;

/// input with its squares, and y − b_dec, from what is given.
void prepare(const Training& training, cudaStream_t stream);
/// out[d]: Σ over `count` rows of entry d, d < columns. `partial` holds ⌈count / kRowsTogether⌉ x columns.
void column_sums(const float* rows, std::size_t count, unsigned stride, unsigned columns, double* partial,
                 double* out, cudaStream_t stream);
/// means[d] and apart[d]: of entry d over `count` rows (of `columns` entries) their mean, and Σ (entry − mean)². `partial` holds twice as much as above.
void column_spreads(const float* rows, std::size_t count, unsigned columns, double* partial, double* means,
                    double* apart, cudaStream_t stream);

/// scores[g · features + j] = h of sample which[g] (first + g where null) and feature pick[j] (j where null), in float64.
struct Scores {
  const float* rows = nullptr;  // of the encoder
  const unsigned* pick = nullptr;
  unsigned features = 0, width = 0;
  const float* input = nullptr;
  const unsigned* which = nullptr;
  unsigned first = 0, count = 0;
  double* scores = nullptr;
};
void score_exactly(const Scores& scores, cudaStream_t stream);
/// Of these scores the k largest of each sample above 0, ties by lower index, as its entries.
void choose_largest(const Scores& scores, unsigned k, const Entries& entries, cudaStream_t stream);
/// Samples first … first + count − 1 of a batch. What stands for a part alone (lists, floors, norms) has sample `first` at 0.
struct Part {
  unsigned first = 0, count = 0;
};
/// The same from lists that select_rows() made with `floors`, whose values are off by what rounding did: those that may count are scored exactly.
/// Samples whose lists do not tell are appended to `failed`, outcome.failed of them.
struct Listed {
  Part part;
  const UnsuperposeCudaEntry* entries = nullptr;
  const unsigned* counts = nullptr;
  unsigned capacity = 0;
  const float* floors = nullptr;
  const double *norms = nullptr, *moved = nullptr;  // of the samples as rounded
  unsigned* failed = nullptr;
};
void choose_listed(const Training& training, const Listed& listed, const Scores& scores, unsigned k,
                   const Entries& entries, cudaStream_t stream);
/// Of features with thresholds: what selects, from the thresholds.
void set_margins(const Training& training, cudaStream_t stream);
/// All features whose score is above a floor. From lists: floors_below() for the selecting product, whose counts become entries.count; score_lists() says how
/// many are kept (in kept[sample], where not null), and order_lists() writes them, once a scan of entries.first says where to. From all scores:
/// all_above() twice, with a scan between.
void floors_below(const Training& training, const Part& part, double floor, const double* norms,
                  const double* moved, float* floors, cudaStream_t stream);
/// outcome.failed = the largest of `count` counts.
void most_listed(const Training& training, const unsigned* counts, unsigned count, cudaStream_t stream);
void score_lists(const Training& training, const Part& part, double floor, UnsuperposeCudaEntry* lists,
                 unsigned capacity, const Entries& entries, unsigned* kept, cudaStream_t stream);
void order_lists(const Part& part, const UnsuperposeCudaEntry* lists, unsigned capacity, unsigned most,
                 const Entries& entries, cudaStream_t stream);
void all_above(const Training& training, const Scores& scores, double floor, const Entries& entries,
               bool writing, cudaStream_t stream);
/// Where the cut.left largest values end; zero but for `left` at first.
struct Cut {
  unsigned left, prefix, counts[256];
};
/// The cut.left strongest of `count` entries. greater, alike and to.first: samples + 1.
void keep_strongest(const Entries& from, unsigned samples, unsigned count, Cut* cut, unsigned* greater,
                    unsigned* alike, const Entries& to, cudaStream_t stream);
/// outcome.largest_norm and largest_moved, of `count` rows.
void largest(const Training& training, const double* norms, const double* moved, unsigned count,
             cudaStream_t stream);

/// residual = base − Σ a d (which may be the same memory), its squares, and dL/dh of every entry: scale · d_j · residual.
struct Decoding {
  const float* base = nullptr;
  float* residual = nullptr;
  double* squares = nullptr;
  Entries entries;
  float scale = -1;
  bool counts = true;  // actives and weakest
};
void decode(const Training& training, const Decoding& decoding, cudaStream_t stream);
/// Loss and sums over the samples, in outcome.
void conclude(const Training& training, cudaStream_t stream);

/// The parts of long lists, in the decoder's rows and the encoder's.
void add_parts(const Training& training, const Entries& entries, float decoder_scale, const float* residual,
               cudaStream_t stream);
/// Each feature's uses, from the entries of `samples` samples; and which are in parts.
void transpose(const Entries& entries, unsigned samples, unsigned features, cudaStream_t stream);
/// at[i] becomes Σ of at[0 … i − 1], at[count] all.
void scan_counts(unsigned* at, unsigned count, cudaStream_t stream);

/// Whether the gradient's norm has to be measured before it is used (outcome.measures): where it is not plainly below the clip.
void bound_gradient(const Training& training, cudaStream_t stream);
/// The gradient's norm where it has to be, and outcome.factor.
void measure_gradient(const Training& training, cudaStream_t stream);
/// The two passes over the features that these need (train.cu): their gradients' squares, and the step itself.
void feature_gradients(const Training& training, cudaStream_t stream);
void update_features(const Training& training, const Adam& adam, std::uint64_t step, cudaStream_t stream);
/// One step of Adam, what the parameters must keep to, the encoder rounded again, and who is dead after step `step`.
void update(const Training& training, const Adam& adam, std::uint64_t step, cudaStream_t stream);

}  // namespace unsuperpose::cuda
