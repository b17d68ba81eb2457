// What the native module does for files: 16-bit floats, and rows on their way from a file.

type Floats = Float32Array | Float64Array;

export interface NativeRows {
  /** The floats of 16-bit ones; `out` is as long. */
  widen(bits: Uint16Array, dtype: string, out: Float32Array): void;
  /** The nearest 16-bit floats; `out` is as long. The place of the first finite value that became ±Infinity, or −1. */
  narrow(values: Floats, dtype: string, out: Uint16Array): number;
  /** The place of the first NaN or ±Infinity, or −1. */
  firstNotFinite(values: Floats): number;
  /** Row i of `out` is row `order[i]` of `from`. */
  takeRows(from: Floats, cols: number, order: Uint32Array, out: Floats): void;
  /** Column k of `out` is column `columns[k]` of `from`. */
  takeColumns(from: Floats, cols: number, columns: Uint32Array, out: Floats): void;
  /** 0 … out.length − 1 in random order, one for every seed, epoch and index. */
  permutation(seed: number, epoch: number, index: number, out: Uint32Array): void;
}
