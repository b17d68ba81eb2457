/** What is taken from each vector before its length is set to one. */
export function meanOfRows(rows: Float32Array, dims: number): Float64Array {
  const mean = new Float64Array(dims);
  const count = rows.length / dims;
  for (let i = 0; i < rows.length; i++) mean[i % dims] += rows[i] / count;
  return mean;
}

/**
 * Rows minus `mean`, each scaled to unit norm. The mean is what all words share (GloVe's holds mostly frequency); the length
 * left after it says how common a word is rather than what it means.
 */
export function toDirections(rows: Float32Array, mean: Float64Array): Float32Array {
  const dims = mean.length;
  const directions = new Float32Array(rows.length);
  for (let start = 0; start < rows.length; start += dims) {
    let square = 0;
    for (let k = 0; k < dims; k++) square += (rows[start + k] - mean[k]) ** 2;
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let k = 0; k < dims; k++) directions[start + k] = (rows[start + k] - mean[k]) * scale;
  }
  return directions;
}
