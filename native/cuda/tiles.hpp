// How rounded rows lie in a device's memory, ready to be copied whole into shared memory: tiles of 128 rows x 128 bytes (128 int8 or 64
// float16 entries), each 16 KiB; the tiles of 128 rows follow each other along the dims. In a tile, the 16-byte piece p of row r lies at
// piece p ^ (r % 8), so that tensor cores read eight rows without bank conflicts. Rows and dims are padded with zeros.
#pragma once
#include <cstddef>
#include <cstdint>

#include "abi.h"
#include "cuda.cuh"

namespace unsuperpose::cuda {

inline constexpr unsigned kTileRows = 128, kTileBytes = 128, kTileSize = kTileRows * kTileBytes;
inline constexpr unsigned kRightRows = 256;  // of a block's right side; rows are padded to a multiple

/// Beside the precisions of the table: what float16 leaves of an entry, times kLowFactor, in float16 again. With it 22 bits are known.
inline constexpr int kLowHalf = 2;
inline constexpr float kLowFactor = 2048;

BOTH unsigned entries_of_tile(int precision) { return precision == UNSUPERPOSE_CUDA_INT8 ? 128u : 64u; }
BOTH unsigned chunks_of(std::size_t dims, int precision) {
  const unsigned entries = entries_of_tile(precision);
  return static_cast<unsigned>((dims + entries - 1) / entries);
}
BOTH std::size_t padded_rows(std::size_t rows) { return (rows + kRightRows - 1) / kRightRows * kRightRows; }
/// Of byte `byte` of row `row` within its tile's rows.
BOTH unsigned within_tile(unsigned row, unsigned byte) {
  return row * kTileBytes + ((((byte >> 4) ^ (row & 7u)) << 4) | (byte & 15u));
}
/// Of byte `byte` (of all dims) of row `row`, for rows of `chunks` tiles.
BOTH std::size_t place(std::size_t row, std::size_t byte, unsigned chunks) {
  return (row / kTileRows * chunks + byte / kTileBytes) * kTileSize +
         within_tile(static_cast<unsigned>(row % kTileRows), static_cast<unsigned>(byte % kTileBytes));
}

/// Rounded rows; what is beyond `count` is zero.
struct Tiles {
  std::uint8_t* bytes = nullptr;
  float* scales = nullptr;  // the row is scale · what its bytes hold
  unsigned chunks = 0;
};

}  // namespace unsuperpose::cuda
