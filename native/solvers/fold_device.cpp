// Codes back to activations on a device (cuda/fold.cu): the CPU's sums, bit for bit.
#include "../core/cancellation.hpp"
#include "unfolding.hpp"

namespace unsuperpose {

Status fold_on_device(const SparseCodes& codes, const Dictionary& dictionary, Matrix32 out,
                      const Execution& execution) {
  UnsuperposeCudaSparse sparse{};
  sparse.rows = out.rows;
  sparse.indptr = codes.indptr.data();
  sparse.indices = codes.indices.data();
  sparse.values = codes.values.data();
  sparse.wide = codes.wide.empty() ? nullptr : codes.wide.data();
  sparse.cancelled = [](void* context) {
    return static_cast<const Execution*>(context)->cancelled() ? 1 : 0;
  };
  sparse.context = const_cast<Execution*>(&execution);
  device::Device& device = *execution.device;
  UnsuperposeCudaError error;
  const int answer = device.table->fold(dictionary.on_device(device).handle(), &sparse, out.data, &error);
  if (answer == UNSUPERPOSE_CUDA_CANCELLED) return Status::cancelled();
  return device::status_of(device, answer, error);
}

}  // namespace unsuperpose
