// Every launch of this folder, as the host calls it. Pointers are the device's; all is asked of `stream`, in order.
#pragma once
#include <cstddef>
#include <cstdint>

#include "device.hpp"
#include "tiles.hpp"

namespace unsuperpose::cuda {

/// Rounds rows pick[i] (or i) of `rows` (dense, `dims` entries) into rows 0 … padded - 1 of `to`, zeros from `count` on. norms and moved (count
/// each, may be null): of the rounded row, and of what rounding moved; upper bounds.
void round_rows(const float* rows, const std::uint32_t* pick, std::size_t count, std::size_t padded,
                std::size_t dims, int precision, const Tiles& to, double* norms, double* moved,
                cudaStream_t stream);

/// Rounds rows which[i] of `rows` again, in their places of `to`; norms and moved (count each): of row which[i].
void round_again(const float* rows, const std::uint32_t* which, std::size_t count, std::size_t dims,
                 int precision, const Tiles& to, double* norms, double* moved, cudaStream_t stream);

/// Row at[i] of `to` (dense, `dims` entries) becomes row i of `from`.
void scatter_rows(const float* from, const std::uint32_t* at, std::size_t count, std::size_t dims, float* to,
                  cudaStream_t stream);

/// factors[j] = scales[j] · weights[j] (1 where null), `padded` of them, 0 from `count` on.
void column_factors(const float* scales, const float* weights, std::size_t count, std::size_t padded,
                    float* factors, cudaStream_t stream);

/// What a selecting product reads and writes.
struct Select {
  Tiles left, right;
  std::size_t left_count = 0, right_count = 0;
  const float* factors = nullptr;  // column_factors() of the right side
  const float* floors = nullptr;   // one a left row, as strengths
  bool positive_only = false;
  UnsuperposeCudaEntry* entries = nullptr;  // left_count x capacity, in any order
  unsigned* counts = nullptr;               // of what passed, listed or not; zero at first
  unsigned capacity = 0;
  float* strengths =
      nullptr;  // instead of lists: left_count x stored, of every so many blocks of 256 right rows
  unsigned stored = 0, every = 1;
};
/// Keeps what passes its row's floor. `hopper`: by wgmma, on devices that have it; where very many pass, it loses some, and the counts of their rows
/// become kLost or more.
inline constexpr unsigned kLost = 1u << 30;
void select_rows(const Select& select, int precision, bool hopper, int multiprocessors,
                 std::size_t shared_limit, cudaStream_t stream);

/// Of a listing that select_rows() made: sorts and writes, for each left row, its first `most` entries to out + offsets[row]. By index, or strongest
/// first, ties by lower index (`weights`: of strengths, 1 where null). Lists hold at most kMostListed.
inline constexpr unsigned kMostListed = 4096;
inline constexpr std::uint64_t kSkipped =
    ~std::uint64_t{0};  // in place of an offset: this list is not asked for
struct Sort {
  const UnsuperposeCudaEntry* entries = nullptr;
  const unsigned* counts = nullptr;
  unsigned capacity = 0, most = 0;
  std::size_t rows = 0;
  const std::uint64_t* offsets = nullptr;
  bool by_index = true, positive_only = false;
  const float* weights = nullptr;
  UnsuperposeCudaEntry* out = nullptr;
};
void sort_lists(const Sort& sort, cudaStream_t stream);

/// out[i]: the rank-th largest (from 1) of row i of values (rows x columns), or more where that is a tie.
void ranked(const float* values, std::size_t rows, unsigned columns, unsigned rank, float* out,
            cudaStream_t stream);

/// out[e] = vector · row of `count` lists of pairs, in float64 and in the order of the CPU: those of list i are entries begin[i] … begin[i + 1] − 1, of vector
/// pick[which[i]] (which[i] where `pick` is null). Vectors and rows are dense, `stride` entries, of which the first `dims` count.
struct Products {
  const float *rows = nullptr, *vectors = nullptr;
  const std::uint32_t* pick = nullptr;
  const std::uint32_t *which = nullptr, *begin = nullptr, *indices = nullptr;
  unsigned dims = 0, stride = 0, chains = 0;
  double* out = nullptr;
};
void multiply_pairs(const Products& products, unsigned count, cudaStream_t stream);

/// out (count x dims) = Σ code · atom of each of `count` sparse rows, in float64 in the order of the entries. indptr is relative to `base`; of
/// `values` and `wide` one is there.
struct Fold {
  const float* atoms = nullptr;
  unsigned dims = 0;
  std::uint32_t base = 0;
  const std::uint32_t* indptr = nullptr;
  const std::uint32_t* indices = nullptr;
  const float* values = nullptr;
  const double* wide = nullptr;
  float* out = nullptr;
};
void fold_rows(const Fold& fold, unsigned count, cudaStream_t stream);

}  // namespace unsuperpose::cuda
