// Descent on the working sets (descend.cuh): one warp a sample, 4 n² bytes of its Gram matrix read once.
#include "descend.cuh"

namespace unsuperpose::cuda {

namespace {

/// Of sets of more than `least` and up to 32 · each atoms.
template <unsigned each>
KERNEL_BOUNDS(32, 1)
descend_kernel(Batch batch, unsigned least) {
  constexpr unsigned kStride = 32 * each;
  SHARED(memory);
  float* gram = reinterpret_cast<float*>(memory);
  const unsigned sample = batch.active[blockIdx.x];
  const unsigned size = batch.size[sample];
  if (size <= least || size > kStride) return;
  const float* from = batch.gram + static_cast<std::size_t>(sample) * kSet * kSet;
  constexpr unsigned kPieces = kStride / 4;  // of 16 bytes a row
  for (unsigned i = lane(); i < size * kPieces; i += 32)
    copy_async(gram + 4 * i, from + i / kPieces * kSet + i % kPieces * 4);
  copy_commit();
  copy_wait<0>();
  sync_warp();
  if (batch.solve[sample] == static_cast<std::uint8_t>(Solve::anew))
    subtract_codes<each>(batch, sample, size, gram);
  descend_set<each>(batch, sample, size, gram, 1);
}

template <unsigned each>
void launch(const Batch& batch, unsigned least, unsigned largest, cudaStream_t stream) {
  if (largest <= least) return;
  const unsigned rows = largest < 32 * each ? largest : 32 * each;
  const unsigned shared = rows * 32 * each * static_cast<unsigned>(sizeof(float));
  const auto kernel = descend_kernel<each>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(kernel, batch.count, 32, shared, stream, batch, least);
}

}  // namespace

void descend(const Batch& batch, unsigned largest, cudaStream_t stream) {
  if (batch.count == 0) return;
  // Each sample by the kernel with registers for its set; the others pass it by.
  if (largest <= 32) {
    launch<1>(batch, 0, largest, stream);
  } else {
    launch<2>(batch, 0, largest, stream);
    launch<3>(batch, 64, largest, stream);
    launch<4>(batch, 96, largest, stream);
  }
  static_assert(kSet == 128);
  check(cudaGetLastError(), "descending");
}

}  // namespace unsuperpose::cuda
