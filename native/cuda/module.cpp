// The table of the CUDA module: what is thrown inside becomes an answer here.
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>

#include "pinned.hpp"
#include "layers.hpp"
#include "learning.hpp"
#include "rounds.hpp"
#include "scan.hpp"
#include "trainer.hpp"

using namespace unsuperpose::cuda;

struct UnsuperposeCudaRows {
  Rows rows;
};
struct UnsuperposeCudaScan {
  std::shared_ptr<Scan> scan;
  bool sound = true;  // nothing has failed
};
struct UnsuperposeCudaTrainer {
  Trainer trainer;
};
struct UnsuperposeCudaLearning {
  Learning learning;
};

namespace {

template <class Body>
int guarded(UnsuperposeCudaError* error, const Body& body) {
  *error = {};
  try {
    body();
    return UNSUPERPOSE_CUDA_OK;
  } catch (const Failure& failure) {
    std::snprintf(error->message, sizeof error->message, "%s", failure.message.c_str());
    error->bytes_wanted = failure.wanted;
    error->bytes_free = failure.free;
    return failure.code;
  } catch (const std::bad_alloc&) {
    std::snprintf(error->message, sizeof error->message, "the host is out of memory");
    error->bytes_free = UNSUPERPOSE_CUDA_UNKNOWN;
    return UNSUPERPOSE_CUDA_MEMORY;
  } catch (const std::exception& failure) {
    std::snprintf(error->message, sizeof error->message, "%s", failure.what());
    return UNSUPERPOSE_CUDA_FAILED;
  }
}

/// Of a device that is lost, what is the host's is given back all the same. Its own memory only goes with the process: to reset the device would take it
/// from others in the process too.
template <class Held>
void let_go(Held* held, int device) {
  std::optional<OnDevice> here;
  UnsuperposeCudaError ignored;
  (void)guarded(&ignored, [&] { here.emplace(device); });
  delete held;
}

int count(std::int32_t* devices, UnsuperposeCudaError* error) {
  *devices = 0;
  return guarded(error, [&] {
    int driver = 0, found = 0;
    check(cudaDriverGetVersion(&driver), "asking for the driver");
    if (driver == 0) throw Failure{UNSUPERPOSE_CUDA_NO_DEVICE, "no NVIDIA driver is installed"};
    check(cudaGetDeviceCount(&found), "looking for CUDA devices");
    *devices = found;
  });
}

int describe(std::int32_t device, UnsuperposeCudaDescription* out, UnsuperposeCudaError* error) {
  *out = {};
  return guarded(error, [&] {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, device), "describing the device");
    std::snprintf(out->name, sizeof out->name, "%.127s", properties.name);
    out->major = properties.major;
    out->minor = properties.minor;
    out->multiprocessors = properties.multiProcessorCount;
    check(cudaDriverGetVersion(&out->driver), "asking for the driver");
    check(cudaRuntimeGetVersion(&out->runtime), "asking for the runtime");
#ifdef UNSUPERPOSE_CUDA_EMULATED
    out->emulated = 1;
#endif
    out->memory = properties.totalGlobalMem;
    if (!OnDevice::used(device)) return;
    try {
      const OnDevice here(device);
      std::size_t free = 0, all = 0;
      check(cudaMemGetInfo(&free, &all), "asking for free memory");
      out->free = free;
    } catch (const Failure&) {  // of a device that was lost nothing is known
    }
  });
}

int upload(std::int32_t device, const UnsuperposeCudaMatrix* rows, UnsuperposeCudaRows** out,
           UnsuperposeCudaError* error) {
  *out = nullptr;
  return guarded(error, [&] { *out = new UnsuperposeCudaRows{{device, *rows}}; });
}

void release(UnsuperposeCudaRows* rows) {
  if (rows) let_go(rows, rows->rows.device().index);
}

std::uint64_t bytes(const UnsuperposeCudaRows* rows) { return rows->rows.bytes(); }

int moved(UnsuperposeCudaRows* rows, std::int32_t precision, float* out, UnsuperposeCudaError* error) {
  return guarded(error, [&] {
    const OnDevice here(rows->rows.device().index);
    const std::vector<float>& found = rows->rows.rounded(precision).moved;
    std::copy(found.begin(), found.end(), out);
  });
}

int open(UnsuperposeCudaRows* rows, UnsuperposeCudaScan** out, UnsuperposeCudaError* error) {
  *out = nullptr;
  return guarded(error, [&] {
    const OnDevice here(rows->rows.device().index);
    auto kept = std::static_pointer_cast<Scan>(rows->rows.take_workspace(Rows::kScan));
    if (!kept) kept = std::make_shared<Scan>(rows->rows);
    *out = new UnsuperposeCudaScan{std::move(kept)};
  });
}

/// What a scan does; its memory is not kept after a failure.
template <class Body>
int with(UnsuperposeCudaScan* scan, UnsuperposeCudaError* error, const Body& body) {
  const int code = guarded(error, [&] { body(*scan->scan); });
  scan->sound = scan->sound && code == UNSUPERPOSE_CUDA_OK;
  return code;
}

void close(UnsuperposeCudaScan* scan) {
  if (!scan) return;
  Rows& rows = scan->scan->rows();
  const int device = rows.device().index;
  UnsuperposeCudaError ignored;
  (void)guarded(&ignored, [&] {
    const OnDevice here(device);
    if (scan->sound && scan->scan->rest()) rows.keep_workspace(std::move(scan->scan), Rows::kScan);
  });
  let_go(scan, device);
}

int set_vectors(UnsuperposeCudaScan* scan, const UnsuperposeCudaMatrix* vectors, std::int32_t precision,
                double* norms, double* moved_, UnsuperposeCudaError* error) {
  return with(scan, error, [&](Scan& own) { own.set_vectors(*vectors, precision, norms, moved_); });
}

int set_rows(UnsuperposeCudaScan* scan, const UnsuperposeCudaRows* from, const std::uint32_t* pick,
             std::uint64_t n, std::int32_t precision, double* norms, double* moved_,
             UnsuperposeCudaError* error) {
  return with(scan, error, [&](Scan& own) { own.set_rows(from->rows, pick, n, precision, norms, moved_); });
}

int above(UnsuperposeCudaScan* scan, const UnsuperposeCudaSelect* select, std::uint32_t* counts,
          UnsuperposeCudaError* error) {
  return with(scan, error, [&](Scan& own) { own.above(*select, counts); });
}

int strongest(UnsuperposeCudaScan* scan, const UnsuperposeCudaSelect* select, std::uint32_t capacity,
              std::uint32_t* counts, UnsuperposeCudaError* error) {
  return with(scan, error, [&](Scan& own) { own.strongest(*select, capacity, counts); });
}

int entries(UnsuperposeCudaScan* scan, UnsuperposeCudaEntry* out, UnsuperposeCudaError* error) {
  return with(scan, error, [&](Scan& own) { own.entries(out); });
}

int multiply(UnsuperposeCudaScan* scan, const UnsuperposeCudaPairs* pairs, double* out,
             UnsuperposeCudaError* error) {
  return with(scan, error, [&](Scan& own) { own.multiply(*pairs, out); });
}

int lasso(UnsuperposeCudaRows* rows, const UnsuperposeCudaLasso* problem, UnsuperposeCudaCodes* out,
          UnsuperposeCudaError* error) {
  return guarded(error, [&] { solve_lasso(rows->rows, *problem, *out); });
}

int pursue(UnsuperposeCudaRows* rows, const UnsuperposeCudaPursuit* problem, UnsuperposeCudaSupports* out,
           UnsuperposeCudaError* error) {
  return guarded(error, [&] { solve_pursuit(rows->rows, *problem, *out); });
}

int fold(UnsuperposeCudaRows* rows, const UnsuperposeCudaSparse* codes, float* out,
         UnsuperposeCudaError* error) {
  return guarded(error, [&] { fold_codes(rows->rows, *codes, out); });
}

int trainer_open(std::int32_t device, const UnsuperposeCudaTraining* training, UnsuperposeCudaTrainer** out,
                 UnsuperposeCudaError* error) {
  *out = nullptr;
  return guarded(error, [&] {
    const Device checked(device);
    const OnDevice here(device);
    *out = new UnsuperposeCudaTrainer{{checked, *training}};
  });
}

void trainer_close(UnsuperposeCudaTrainer* trainer) {
  if (trainer) let_go(trainer, trainer->trainer.device().index);
}

int trainer_write(UnsuperposeCudaTrainer* trainer, const UnsuperposeCudaTrained* from,
                  UnsuperposeCudaError* error) {
  return guarded(error, [&] { trainer->trainer.write(*from); });
}

int trainer_read(UnsuperposeCudaTrainer* trainer, UnsuperposeCudaTrained* to, UnsuperposeCudaError* error) {
  return guarded(error, [&] { trainer->trainer.read(*to); });
}

int trainer_step(UnsuperposeCudaTrainer* trainer, const UnsuperposeCudaStep* step,
                 UnsuperposeCudaReport* before, UnsuperposeCudaError* error) {
  return guarded(error, [&] { trainer->trainer.step(*step, *before); });
}

int trainer_settle(UnsuperposeCudaTrainer* trainer, UnsuperposeCudaReport* last,
                   UnsuperposeCudaError* error) {
  return guarded(error, [&] { trainer->trainer.settle(*last); });
}

int pin(std::int32_t device, std::uint64_t size, void** out, UnsuperposeCudaError* error) {
  *out = nullptr;
  return guarded(error, [&] { *out = take_pinned(device, size); });
}

void unpin(void* memory) {
  if (memory) give_pinned(memory);
}

int replace(UnsuperposeCudaRows* rows, const UnsuperposeCudaMatrix* from, const std::uint32_t* at,
            UnsuperposeCudaError* error) {
  return guarded(error, [&] { rows->rows.replace(*from, at); });
}

int open_learning(std::int32_t device, std::uint64_t features, std::uint64_t dims,
                  UnsuperposeCudaLearning** out, UnsuperposeCudaError* error) {
  *out = nullptr;
  return guarded(error, [&] {
    const OnDevice here(device);
    *out = new UnsuperposeCudaLearning{{device, features, dims}};
  });
}

void close_learning(UnsuperposeCudaLearning* learning) {
  if (learning) let_go(learning, learning->learning.device().index);
}

template <class Body>
int on_device_of(UnsuperposeCudaLearning* learning, UnsuperposeCudaError* error, const Body& body) {
  return guarded(error, [&] {
    const OnDevice here(learning->learning.device().index);
    body(learning->learning);
  });
}

int put_learning(UnsuperposeCudaLearning* learning, const float* a, std::uint64_t a_stride, const float* b,
                 std::uint64_t b_stride, UnsuperposeCudaError* error) {
  return on_device_of(learning, error, [&](Learning& own) { own.put(a, a_stride, b, b_stride); });
}

int get_learning(UnsuperposeCudaLearning* learning, float* a, std::uint64_t a_stride, float* b,
                 std::uint64_t b_stride, UnsuperposeCudaError* error) {
  return on_device_of(learning, error, [&](Learning& own) { own.get(a, a_stride, b, b_stride); });
}

int scale_learning(UnsuperposeCudaLearning* learning, double factor, UnsuperposeCudaError* error) {
  return on_device_of(learning, error, [&](Learning& own) { own.scale(factor); });
}

int forget_feature(UnsuperposeCudaLearning* learning, std::uint32_t feature, UnsuperposeCudaError* error) {
  return on_device_of(learning, error, [&](Learning& own) { own.forget(feature); });
}

int teach(UnsuperposeCudaLearning* learning, const UnsuperposeCudaLesson* lesson,
          UnsuperposeCudaError* error) {
  return on_device_of(learning, error, [&](Learning& own) { own.teach(*lesson); });
}

int improve(UnsuperposeCudaLearning* learning, UnsuperposeCudaRows* atoms, const std::uint32_t* due,
            std::uint64_t n, float* out, std::uint64_t stride, int (*cancelled)(void*), void* context,
            UnsuperposeCudaError* error) {
  return on_device_of(learning, error, [&](Learning& own) {
    own.improve(atoms->rows, due, n, out, stride, cancelled, context);
  });
}

int unroll(UnsuperposeCudaRows* atoms, const UnsuperposeCudaLayers* network, UnsuperposeCudaError* error) {
  return guarded(error, [&] {
    std::vector<Rows*> weights;
    for (std::uint32_t k = 0; k < network->count; ++k) weights.push_back(&network->layers[k].weights->rows);
    run_layers(atoms->rows, weights, *network);
  });
}

const UnsuperposeCuda kTable = {UNSUPERPOSE_CUDA_ABI_VERSION,
                                sizeof(UnsuperposeCuda),
                                count,
                                describe,
                                upload,
                                release,
                                bytes,
                                moved,
                                open,
                                close,
                                set_vectors,
                                set_rows,
                                above,
                                strongest,
                                entries,
                                lasso,
                                pursue,
                                fold,
                                trainer_open,
                                trainer_close,
                                trainer_write,
                                trainer_read,
                                trainer_step,
                                trainer_settle,
                                pin,
                                unpin,
                                replace,
                                open_learning,
                                close_learning,
                                put_learning,
                                get_learning,
                                scale_learning,
                                forget_feature,
                                teach,
                                improve,
                                unroll,
                                multiply};

}  // namespace

extern "C" const UnsuperposeCuda* unsuperpose_cuda_table() { return &kTable; }
