// Matrices in files, as other tools write and read them.
export type { FloatType } from './dtypes.js';
export { type ReadMatrixOptions, readMatrix, type WriteMatrixOptions, writeMatrix } from './matrix.js';
export type { OpenOptions } from './open.js';
export type { Path } from './refuse.js';
