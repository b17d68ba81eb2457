// Rounds rows for the tensor cores, with bounds of what that costs in float64. One warp a row.
//   int8     q = round(x / s), s = max|x| / 127
//   float16  x / s rounded to nearest, s the power of two that brings max|x| into [2¹⁴, 2¹⁵): float16's whole range serves one row
// 4 bytes read and 1 or 2 written an entry. Norms, and what rounding moved, are upper bounds, summed in float64.
#include "kernels.hpp"
#include "reduce.cuh"
#include "round.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kWarps = 8;
/// Entry v as it is stored, 1 or 2 bytes; what it stands for is added to the sums.
struct Int8 {
  static constexpr unsigned kBytes = 1;
  double inverse;
  float scale;
  DEVICE explicit Int8(float largest) {
    scale = static_cast<float>(static_cast<double>(largest) / 127.0);
    inverse = scale > 0 ? 1.0 / static_cast<double>(scale) : 0.0;
  }
  DEVICE unsigned round(float v, double* as) const {
    double q = rint(static_cast<double>(v) * inverse);
    q = q > 127.0 ? 127.0 : q < -127.0 ? -127.0 : q;
    *as = q * static_cast<double>(scale);
    return static_cast<unsigned>(static_cast<int>(q)) & 0xFFu;
  }
};

/// What float16 leaves of an entry, times 2¹¹: with the same power of two.
struct Low : Float16 {
  DEVICE explicit Low(float largest) : Float16(largest) {}
  DEVICE unsigned round(float v, double* as) const {
    double top = 0;
    Float16::round(v, &top);
    const double left = (static_cast<double>(v) - top) * inverse * kLowFactor;
    const std::uint16_t bits = to_half(static_cast<float>(left));
    *as = top + static_cast<double>(from_half(bits)) * static_cast<double>(scale) / kLowFactor;
    return bits;
  }
};

template <class Format>
KERNEL round_kernel(const float* rows, const std::uint32_t* pick, bool in_place, std::size_t count,
                    std::size_t padded, unsigned dims, Tiles to, double* norms, double* moved) {
  const std::size_t at = static_cast<std::size_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (at >= padded) return;
  const bool there = at < count;
  const std::size_t picked = there ? (pick ? pick[at] : at) : 0, row = in_place ? picked : at;
  const float* from = rows + picked * static_cast<std::size_t>(dims);
  // Four entries at a time where rows start at multiples of 16 bytes.
  const bool by_four = dims % 4 == 0;
  const auto four = [&](unsigned k, float(&v)[4]) {
    if (by_four && k < dims) return load_four(v, from + k);
    for (unsigned e = 0; e < 4; ++e) v[e] = k + e < dims ? from[k + e] : 0.0f;
  };
  float largest = 0;
  if (there)
    for (unsigned k = 4 * lane(); k < dims; k += 128) {
      float v[4];
      four(k, v);
      for (unsigned e = 0; e < 4; ++e) largest = fmaxf(largest, fabsf(v[e]));
    }
  largest = warp_max(largest);
  const Format format(largest);
  constexpr unsigned kEntries = 4 / Format::kBytes;  // of a word
  const unsigned padded_dims = to.chunks * (kTileBytes / Format::kBytes);
  double norm = 0, error = 0;
  for (unsigned k = 4 * lane(); k < padded_dims; k += 128) {
    float v[4];
    four(there ? k : dims, v);
#pragma unroll
    for (unsigned w = 0; w < 4 / kEntries; ++w) {
      std::uint32_t word = 0;
#pragma unroll
      for (unsigned e = 0; e < kEntries; ++e) {
        double as = 0;
        word |= format.round(v[w * kEntries + e], &as) << (8 * Format::kBytes * e);
        const double off = static_cast<double>(v[w * kEntries + e]) - as;
        norm = fma(as, as, norm);
        error = fma(off, off, error);
      }
      *reinterpret_cast<std::uint32_t*>(
          to.bytes + place(row, std::size_t{Format::kBytes} * (k + w * kEntries), to.chunks)) = word;
    }
  }
  norm = warp_sum(norm);
  error = warp_sum(error);
  if (lane() != 0) return;
  to.scales[row] = there ? format.scale : 0;
  if (!there) return;
  if (norms) norms[at] = sqrt(norm) * kUp;
  if (moved) moved[at] = sqrt(error) * kUp;
}

KERNEL factors_kernel(const float* scales, const float* weights, std::size_t count, std::size_t padded,
                      float* factors) {
  const std::size_t j = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (j >= padded) return;
  factors[j] = j < count ? scales[j] * (weights ? weights[j] : 1.0f) : 0.0f;
}

/// One warp a row.
KERNEL scatter_kernel(const float* from, const std::uint32_t* at, std::size_t count, unsigned dims,
                      float* to) {
  const std::size_t i = static_cast<std::size_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (i >= count) return;
  for (unsigned k = lane(); k < dims; k += 32)
    to[static_cast<std::size_t>(at[i]) * dims + k] = from[i * dims + k];
}

void launch(const float* rows, const std::uint32_t* pick, bool in_place, std::size_t count,
            std::size_t padded, std::size_t dims, int precision, const Tiles& to, double* norms,
            double* moved, cudaStream_t stream) {
  if (padded == 0) return;
  const unsigned blocks = static_cast<unsigned>((padded + kWarps - 1) / kWarps);
  const unsigned entries = static_cast<unsigned>(dims);
  if (precision == UNSUPERPOSE_CUDA_INT8)
    LAUNCH((round_kernel<Int8>), blocks, 32 * kWarps, 0, stream, rows, pick, in_place, count, padded, entries,
           to, norms, moved);
  else if (precision == kLowHalf)
    LAUNCH((round_kernel<Low>), blocks, 32 * kWarps, 0, stream, rows, pick, in_place, count, padded, entries,
           to, norms, moved);
  else
    LAUNCH((round_kernel<Float16>), blocks, 32 * kWarps, 0, stream, rows, pick, in_place, count, padded,
           entries, to, norms, moved);
  check(cudaGetLastError(), "rounding rows");
}

}  // namespace

void round_rows(const float* rows, const std::uint32_t* pick, std::size_t count, std::size_t padded,
                std::size_t dims, int precision, const Tiles& to, double* norms, double* moved,
                cudaStream_t stream) {
  launch(rows, pick, false, count, padded, dims, precision, to, norms, moved, stream);
}

void round_again(const float* rows, const std::uint32_t* which, std::size_t count, std::size_t dims,
                 int precision, const Tiles& to, double* norms, double* moved, cudaStream_t stream) {
  launch(rows, which, true, count, count, dims, precision, to, norms, moved, stream);
}

void scatter_rows(const float* from, const std::uint32_t* at, std::size_t count, std::size_t dims, float* to,
                  cudaStream_t stream) {
  if (count == 0) return;
  LAUNCH(scatter_kernel, static_cast<unsigned>((count + kWarps - 1) / kWarps), 32 * kWarps, 0, stream, from,
         at, count, static_cast<unsigned>(dims), to);
  check(cudaGetLastError(), "replacing rows");
}

void column_factors(const float* scales, const float* weights, std::size_t count, std::size_t padded,
                    float* factors, cudaStream_t stream) {
  constexpr unsigned kThreads = 256;
  LAUNCH(factors_kernel, static_cast<unsigned>((padded + kThreads - 1) / kThreads), kThreads, 0, stream,
         scales, weights, count, padded, factors);
  check(cudaGetLastError(), "scaling rows");
}

}  // namespace unsuperpose::cuda
