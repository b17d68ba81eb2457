// Matrices in files, as other tools write and read them.
export type { FloatType } from './dtypes.js';
export { type ArrayInfo, listArrays } from './list.js';
export { type ReadMatrixOptions, readMatrix, type WriteMatrixOptions, writeMatrix } from './matrix.js';
export type { OpenOptions } from './open.js';
export type { Paths } from './paths.js';
export type { FileURL, Path } from './refuse.js';
export {
  type MatrixFile,
  type MatrixFiles,
  type MatrixFilesInfo,
  type ReadMatricesOptions,
  readMatrices,
  type ShuffleOptions,
  type StreamPosition,
} from './stream.js';
