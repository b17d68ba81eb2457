/* The table of C functions through which the CPU module uses the CUDA module (unsuperpose_cuda). Both include this page, and nothing else
 * of each other. The CUDA module is loaded on demand, and hands its table over as a Node-API external.
 *
 * Every function answers 0, or an error of UnsuperposeCudaCode with `error` filled in. Pointers are the host's. Functions may be called
 * from any thread; one scan is used by one thread at a time. Nothing touches a GPU before the first call of count(). */
#ifndef UNSUPERPOSE_CUDA_ABI_H
#define UNSUPERPOSE_CUDA_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Another number for every change that is not an addition at the end of the table. */
#define UNSUPERPOSE_CUDA_ABI_VERSION 4u

/* The type tag of the external `table` that the CUDA module exports. Random: no other external has it. */
#define UNSUPERPOSE_CUDA_TAG_LOWER 0x5b8e02d94c71fa36u
#define UNSUPERPOSE_CUDA_TAG_UPPER 0x93d7c6e81f2a04b5u

enum UnsuperposeCudaCode {
  UNSUPERPOSE_CUDA_OK = 0,
  UNSUPERPOSE_CUDA_NO_DEVICE = 1, /* no driver, too old a driver, no such device, a device that is too old */
  UNSUPERPOSE_CUDA_MEMORY =
      2, /* the device's memory does not suffice: bytes_wanted and bytes_free say by how much */
  UNSUPERPOSE_CUDA_FAILED =
      3, /* the device or the driver failed; the device cannot be used again in this process */
  UNSUPERPOSE_CUDA_CANCELLED = 4
};

/* Of bytes_free: of memory of which nobody can say how much there is, such as the host's. */
#define UNSUPERPOSE_CUDA_UNKNOWN UINT64_MAX

typedef struct UnsuperposeCudaError {
  char message[256];
  uint64_t bytes_wanted; /* in one piece; 0: it is not known how many */
  uint64_t bytes_free;   /* after the failure: may be more than was wanted */
} UnsuperposeCudaError;

typedef struct UnsuperposeCudaDescription {
  char name[128];
  int32_t major, minor; /* compute capability */
  int32_t multiprocessors;
  int32_t driver, runtime; /* CUDA versions: 13000 is 13.0 */
  int32_t emulated;        /* 1: a CPU that runs the kernels' source (test/cuda) */
  uint64_t memory, free;   /* bytes */
} UnsuperposeCudaDescription;

typedef struct UnsuperposeCudaRows
    UnsuperposeCudaRows; /* rows that live on a device: a dictionary, one side of pairs */
typedef struct UnsuperposeCudaScan
    UnsuperposeCudaScan; /* vectors to be scored against rows, with their memory and stream */

/* What rows are rounded to before the tensor cores multiply them. */
enum UnsuperposeCudaPrecision {
  UNSUPERPOSE_CUDA_INT8 = 0, /* integers -127 ... 127, one scale a row; sums are exact */
  UNSUPERPOSE_CUDA_FLOAT16 =
      1 /* 11 bits of significand, one power of two a row; sums in float32, truncated */
};

/* count x dims floats; row i is at data + pick[i] * stride, or + i * stride where pick is null. */
typedef struct UnsuperposeCudaMatrix {
  const float* data;
  uint64_t stride;
  uint64_t count, dims;
  const uint32_t* pick;
} UnsuperposeCudaMatrix;

/* One score that was kept: the product as it was computed. */
typedef struct UnsuperposeCudaEntry {
  float value;
  uint32_t index;
} UnsuperposeCudaEntry;

/* strength = |value| * scale[index], or value * scale[index] with positive_only; kept where strength > floors[vector]. */
typedef struct UnsuperposeCudaSelect {
  int32_t precision;
  int32_t positive_only;
  const float* floors; /* one a vector, >= 0; null: none (only strongest()) */
  const float* scale;  /* one a row, or null for 1 */
} UnsuperposeCudaSelect;

/* Pairs of a scan's vectors and its rows: those of vector which[i] are entries begin[i] to begin[i + 1] of `indices`, which name rows. */
typedef struct UnsuperposeCudaPairs {
  uint64_t count;
  const uint32_t* which;
  const uint64_t* begin; /* count + 1 */
  const uint32_t* indices;
  uint64_t dims;   /* so many entries of both count: the first ones */
  uint32_t chains; /* 4, 8 or 16: native/kernels/dots/dots.hpp */
} UnsuperposeCudaPairs;

/* What the lasso is asked: min 1/2 |x - aD|^2 + lambda sum_j w_j |a_j| + ridge/2 |a|^2 (a >= 0 when nonnegative). */
typedef struct UnsuperposeCudaLasso {
  UnsuperposeCudaMatrix samples; /* of norms 0, or from 1/2 to 1 */
  const double* lambda;          /* one a sample, > 0 */
  const float* weights;          /* one a row, > 0, or null for 1 */
  double ridge;
  double tolerance; /* of the duality gap, relative to 1/2 |x|^2 */
  int32_t nonnegative;
  uint32_t max_rounds;
  uint32_t capacity;               /* entries a sample in `indices` and `values`, at most 128 */
  int (*cancelled)(void* context); /* asked between launches; may be null */
  void* context;
} UnsuperposeCudaLasso;

enum UnsuperposeCudaOutcome {
  UNSUPERPOSE_CUDA_CONVERGED = 0, /* certified on the device: gap <= tolerance */
  UNSUPERPOSE_CUDA_UNFINISHED = 1 /* the code is where the device left it: a place to start from */
};

/* One entry a sample in every array but indices and values (capacity each). */
typedef struct UnsuperposeCudaCodes {
  uint32_t* indices; /* ascending */
  float* values;
  uint32_t* count;
  uint8_t* outcome;
  uint32_t* rounds;
  double* gap;
  double* objective;
  double* squared_residual;
  double stages[8]; /* seconds on the device: round, select, choose, gram, descend, evaluate, copies, all */
} UnsuperposeCudaCodes;

/* What a pursuit is asked: the atom of the largest |d_j·r| (nonnegative: of d_j·r) joins the support, the code is the least squares
 * solution on it, again. */
typedef struct UnsuperposeCudaPursuit {
  UnsuperposeCudaMatrix samples; /* of norms 0, or from 1/2 to 1 */
  const uint32_t* most;          /* one a sample: atoms at most */
  const double* residual;        /* one a sample, >= 0: |x - aD| that ends it */
  int32_t nonnegative;
  int32_t
      all_explained; /* a sample that correlates with nothing any more has converged; else it has stalled */
  uint32_t capacity; /* entries a sample in `indices` and `values`, at most 128 */
  int (*cancelled)(void* context); /* asked between launches; may be null */
  void* context;
} UnsuperposeCudaPursuit;

enum UnsuperposeCudaPursued {
  UNSUPERPOSE_CUDA_PURSUED = 0,         /* a stopping rule was met */
  UNSUPERPOSE_CUDA_PURSUED_LIMIT = 1,   /* too many choices */
  UNSUPERPOSE_CUDA_PURSUED_STALLED = 2, /* nothing correlates with what is left */
  UNSUPERPOSE_CUDA_PURSUED_PART = 3     /* the support is a place to start from; empty: from the beginning */
};

/* One entry a sample in every array but indices and values (capacity each). */
typedef struct UnsuperposeCudaSupports {
  uint32_t* indices; /* in the order of the choices */
  float* values;
  uint32_t* count;
  uint8_t* outcome;
  uint32_t* choices;
  double* squared_residual; /* of the values */
  double stages[8];         /* seconds on the device: round, select, pick, append, -, answer, copies, all */
} UnsuperposeCudaSupports;

/* Sparse rows: those of row i are entries indptr[i] to indptr[i + 1]. */
typedef struct UnsuperposeCudaSparse {
  uint64_t rows;
  const uint32_t* indptr;
  const uint32_t* indices;
  const float* values;
  const double* wide;              /* in place of values where not null */
  int (*cancelled)(void* context); /* asked between launches; may be null */
  void* context;
} UnsuperposeCudaSparse;

/* A sparse autoencoder in training, with everything that a step needs, on a device. native/learning/autoencoder_learner.hpp has the formulas. */
typedef struct UnsuperposeCudaTrainer UnsuperposeCudaTrainer;

enum UnsuperposeCudaArchitecture {
  UNSUPERPOSE_CUDA_TOP_K = 0,
  UNSUPERPOSE_CUDA_BATCH_TOP_K = 1,
  UNSUPERPOSE_CUDA_JUMP_RELU = 2
};

typedef struct UnsuperposeCudaTraining {
  int32_t architecture;
  int32_t subtract_bias; /* of the inputs' dims then */
  int32_t aligned;
  uint64_t features, inputs, outputs;
  uint64_t dead_after;
  uint64_t auxiliary_k;   /* > 0 */
  double auxiliary, clip; /* Infinity: none */
  double bandwidth, target_l0;
} UnsuperposeCudaTraining;

/* rows x cols on the host, `stride` floats a row, with Adam's moments; the null ones are left alone. */
typedef struct UnsuperposeCudaTensor {
  float *values, *first, *second;
  uint64_t rows, cols, stride;
} UnsuperposeCudaTensor;

/* All that a trainer keeps between steps. An encoder's row is w_j and b_j, with jump_relu one entry more. */
typedef struct UnsuperposeCudaTrained {
  UnsuperposeCudaTensor encoder, decoder, bias, threshold; /* the last with jump_relu */
  uint64_t *last_used, *usage;                             /* features */
  uint32_t* dead;                                          /* room for features, ascending */
  uint64_t dead_count;
} UnsuperposeCudaTrained;

typedef struct UnsuperposeCudaStep {
  UnsuperposeCudaMatrix samples, targets; /* targets.data null: the samples */
  double input_scale, target_scale;
  uint64_t number; /* counted from 1 */
  uint64_t k;
  double lambda, guess;                          /* in the units of training */
  float rate, beta1, beta2, correction, epsilon; /* Adam's: native/kernels/adam/adam.hpp */
} UnsuperposeCudaStep;

enum UnsuperposeCudaFault {
  UNSUPERPOSE_CUDA_FINE = 0,
  UNSUPERPOSE_CUDA_TOO_LARGE = 1, /* a sample, once it is scaled */
  UNSUPERPOSE_CUDA_LOSS = 2,      /* not finite, as the gradients after it */
  UNSUPERPOSE_CUDA_ENCODER = 3,
  UNSUPERPOSE_CUDA_DECODER = 4,
  UNSUPERPOSE_CUDA_BIAS = 5,
  UNSUPERPOSE_CUDA_THRESHOLD = 6,
  UNSUPERPOSE_CUDA_NORM = 7,
  UNSUPERPOSE_CUDA_LENGTH = 8 /* of a decoder's row, after the step */
};

typedef struct UnsuperposeCudaReport {
  uint64_t number; /* of the step that this is about; 0: of none */
  uint64_t samples, active, dead;
  double loss, squared_residual, weakest, gradient_norm; /* in the units of training */
  double squared_apart; /* sum of |y - mean|^2 over the targets as given, */
  double* target_mean;  /* and the mean: outputs, the caller's memory, or null */
  int32_t fault;                                         /* UnsuperposeCudaFault */
  /* seconds on the device: copy, prepare, sample, select, choose, again, decode, revive, sort, measure, update, all */
  double stages[12];
} UnsuperposeCudaReport;

/* What online dictionary learning keeps of the codes, beside the atoms: A (features x features) = sum of a'a, B (features x dims) = sum of a'x. */
typedef struct UnsuperposeCudaLearning UnsuperposeCudaLearning;

/* A batch and its codes, by sample and by feature. All of the features below those of A. */
typedef struct UnsuperposeCudaLesson {
  UnsuperposeCudaMatrix samples;
  const uint32_t* begin;   /* samples + 1: where the entries of a sample start */
  const uint32_t* indices; /* of the entries: the feature, */
  const float* values;     /* the code, */
  const uint32_t* owners;  /* and the sample */
  uint32_t touched_count;
  const uint32_t* touched; /* the features that have entries, ascending */
  const uint32_t* first;   /* touched + 1: where the users of a feature start */
  const uint32_t* users;   /* the entries by feature, ascending */
  float weight;            /* of the batch */
} UnsuperposeCudaLesson;

/* A layer of an unrolled network: z = a + step * W(x - a D), then a = z shrunk by its threshold, but for its strongest. */
typedef struct UnsuperposeCudaLayer {
  UnsuperposeCudaRows* weights; /* W, a row a feature */
  float step;
  float threshold; /* > 0 */
  uint64_t most;   /* so many entries at most do not shrink */
} UnsuperposeCudaLayer;

typedef struct UnsuperposeCudaLayers {
  UnsuperposeCudaMatrix samples;
  const UnsuperposeCudaLayer* layers;
  uint32_t count;
  int32_t nonnegative;
  /* 0, or thresholds are threshold / (1 + |a| / adaptive); then `most` is 0 or the number of features. */
  float adaptive;
  uint32_t capacity; /* entries of a sample in a layer, at most 4096 */
  /* Gets the code of each sample, ascending by feature; or null where the device did not finish it: more entries, or numbers out of range. */
  void (*take)(void* context, uint64_t sample, const UnsuperposeCudaEntry* code, uint32_t count);
  int (*cancelled)(void* context); /* asked between launches; may be null */
  void* context;
} UnsuperposeCudaLayers;

typedef struct UnsuperposeCuda {
  uint32_t abi_version;
  uint32_t struct_size;

  int (*count)(int32_t* devices, UnsuperposeCudaError* error);
  /* `free` is 0 where no function has used the device yet: to ask would start CUDA there, which takes some hundred MB of its memory. */
  int (*describe)(int32_t device, UnsuperposeCudaDescription* out, UnsuperposeCudaError* error);

  /* Copies rows to a device. They are rounded on first use, and kept. */
  int (*upload)(int32_t device, const UnsuperposeCudaMatrix* rows, UnsuperposeCudaRows** out,
                UnsuperposeCudaError* error);
  void (*release)(UnsuperposeCudaRows* rows);
  uint64_t (*bytes)(const UnsuperposeCudaRows* rows);
  /* Of every row: the norm of what rounding moved, at most. */
  int (*moved)(UnsuperposeCudaRows* rows, int32_t precision, float* out, UnsuperposeCudaError* error);

  int (*open)(UnsuperposeCudaRows* rows, UnsuperposeCudaScan** out, UnsuperposeCudaError* error);
  void (*close)(UnsuperposeCudaScan* scan);
  /* Sets the vectors of a scan, rounded. norms and moved (one a vector): the norm as rounded, and of what rounding moved, at most. */
  int (*set_vectors)(UnsuperposeCudaScan* scan, const UnsuperposeCudaMatrix* vectors, int32_t precision,
                     double* norms, double* moved, UnsuperposeCudaError* error);
  /* The same of rows that are on the scan's device already, of as many dims: pick[i], or i where pick is null. */
  int (*set_rows)(UnsuperposeCudaScan* scan, const UnsuperposeCudaRows* from, const uint32_t* pick,
                  uint64_t count, int32_t precision, double* norms, double* moved,
                  UnsuperposeCudaError* error);
  /* Every row that passes. counts (one a vector) are set; then entries() copies them out, vector after vector, ascending by index. */
  int (*above)(UnsuperposeCudaScan* scan, const UnsuperposeCudaSelect* select, uint32_t* counts,
               UnsuperposeCudaError* error);
  /* The `capacity` strongest that pass, strongest first, ties by lower index: counts <= capacity, then entries() as above. */
  int (*strongest)(UnsuperposeCudaScan* scan, const UnsuperposeCudaSelect* select, uint32_t capacity,
                   uint32_t* counts, UnsuperposeCudaError* error);
  int (*entries)(UnsuperposeCudaScan* scan, UnsuperposeCudaEntry* out, UnsuperposeCudaError* error);

  int (*lasso)(UnsuperposeCudaRows* rows, const UnsuperposeCudaLasso* problem, UnsuperposeCudaCodes* out,
               UnsuperposeCudaError* error);

  int (*pursue)(UnsuperposeCudaRows* rows, const UnsuperposeCudaPursuit* problem,
                UnsuperposeCudaSupports* out, UnsuperposeCudaError* error);
  /* out (codes->rows x dims) = codes . rows, summed in float64 in the order of the entries, rounded once; without `wide` never -0. */
  int (*fold)(UnsuperposeCudaRows* rows, const UnsuperposeCudaSparse* codes, float* out,
              UnsuperposeCudaError* error);
  int (*trainer_open)(int32_t device, const UnsuperposeCudaTraining* training, UnsuperposeCudaTrainer** out,
                      UnsuperposeCudaError* error);
  void (*trainer_close)(UnsuperposeCudaTrainer* trainer);
  /* To the device, before the first step; and back, once all steps are settled. */
  int (*trainer_write)(UnsuperposeCudaTrainer* trainer, const UnsuperposeCudaTrained* from,
                       UnsuperposeCudaError* error);
  int (*trainer_read)(UnsuperposeCudaTrainer* trainer, UnsuperposeCudaTrained* to,
                      UnsuperposeCudaError* error);
  /* Begins a step, and reports the one before it; the samples may go away afterwards. Of a step after a fault nothing is done. */
  int (*trainer_step)(UnsuperposeCudaTrainer* trainer, const UnsuperposeCudaStep* step,
                      UnsuperposeCudaReport* before, UnsuperposeCudaError* error);
  /* Waits for the last step, and reports it unless it was. */
  int (*trainer_settle)(UnsuperposeCudaTrainer* trainer, UnsuperposeCudaReport* last,
                        UnsuperposeCudaError* error);

  /* Memory of the host for samples, which copies to any device reach without a detour; taken by way of `device`, so that CUDA starts on no other. What is
   * given back may be kept for the next that asks. */
  int (*pin)(int32_t device, uint64_t bytes, void** out, UnsuperposeCudaError* error);
  void (*unpin)(void* memory);

  /* Row at[i] (each named once) becomes row i of `from`, of as many dims; its rounded copies follow. No other call may use the rows
   * meanwhile. Where it fails, the rows are good for release() only. */
  int (*replace)(UnsuperposeCudaRows* rows, const UnsuperposeCudaMatrix* from, const uint32_t* at,
                 UnsuperposeCudaError* error);

  /* A and B on a device, zero at first. One is used by one thread at a time. */
  int (*open_learning)(int32_t device, uint64_t features, uint64_t dims, UnsuperposeCudaLearning** out,
                       UnsuperposeCudaError* error);
  void (*close_learning)(UnsuperposeCudaLearning* learning);
  /* All of A and B, from and to the host; strides in floats. */
  int (*put_learning)(UnsuperposeCudaLearning* learning, const float* a, uint64_t a_stride, const float* b,
                      uint64_t b_stride, UnsuperposeCudaError* error);
  int (*get_learning)(UnsuperposeCudaLearning* learning, float* a, uint64_t a_stride, float* b,
                      uint64_t b_stride, UnsuperposeCudaError* error);
  /* A and B times a factor, rounded once. */
  int (*scale_learning)(UnsuperposeCudaLearning* learning, double factor, UnsuperposeCudaError* error);
  /* Row and column of A, and row of B, become zero. */
  int (*forget_feature)(UnsuperposeCudaLearning* learning, uint32_t feature, UnsuperposeCudaError* error);
  /* A += weight a'a, B += weight a'x. */
  int (*teach)(UnsuperposeCudaLearning* learning, const UnsuperposeCudaLesson* lesson,
               UnsuperposeCudaError* error);
  /* Block-coordinate descent over atoms `due` (each once, in this order), with the others as they are by then: u = (b_j - A_j D) / A_jj + d_j,
   * d_j = u / max(1, |u|). `atoms` change, with their rounded copies, and row due[i] comes to out + due[i] * stride. Where it fails or is
   * cancelled, `atoms` are good for release() only. */
  int (*improve)(UnsuperposeCudaLearning* learning, UnsuperposeCudaRows* atoms, const uint32_t* due,
                 uint64_t count, float* out, uint64_t stride, int (*cancelled)(void* context), void* context,
                 UnsuperposeCudaError* error);

  /* Codes after all layers, of atoms D (rows of any norm). */
  int (*unroll)(UnsuperposeCudaRows* atoms, const UnsuperposeCudaLayers* network,
                UnsuperposeCudaError* error);

  /* out[e]: the product of pair e of the scan's vectors, in float64: sums of exact products, bit for bit as the CPU has them. */
  int (*multiply)(UnsuperposeCudaScan* scan, const UnsuperposeCudaPairs* pairs, double* out,
                  UnsuperposeCudaError* error);
} UnsuperposeCuda;

#ifdef __cplusplus
}
#endif
#endif
