// What a file holds, by its headers alone.
import { extname } from 'node:path';
import { openArrow } from './arrow.js';
import { FileBytes } from './bytes.js';
import { openNpy } from './npy.js';
import { readNpz } from './npz.js';
import { ARROW, endingOf } from './open.js';
import { broken, type Path, readPath } from './refuse.js';
import { readSafetensors } from './safetensors.js';

/** An array of a file. */
export interface ArrayInfo {
  /** What `name` chooses it by; undefined where the file holds this one and no name. */
  readonly name: string | undefined;
  /** Of numbers: 'float32' and the like. What is not read here is told as the file has it. */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/**
 * The arrays that a `.npy`, `.npz` or `.safetensors` file holds. Reads headers only.
 *
 * @throws UnsuperposeError (as a rejection) `ERR_FILE`; `ERR_FORMAT` also for other endings, and for raw `.bin` files, which say nothing of themselves;
 *   `ERR_OPTION` for an Arrow file of several columns
 *
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { files } from 'unsuperpose';
 *
 * const path = join(mkdtempSync(join(tmpdir(), 'matrix-')), 'activations.safetensors');
 * await files.writeMatrix(path, { data: new Float32Array(6), shape: [3, 2] }, { name: 'layer.0' });
 * for (const { name, dtype, shape } of await files.listArrays(path)) console.log(name, dtype, shape.join(' × ')); // → layer.0 float32 3 × 2
 * ```
 */
export async function listArrays(path: Path): Promise<ArrayInfo[]> {
  const file = readPath(path, 'path');
  if (extname(file).toLowerCase() === ARROW) {
    const { dtype, shape } = await openArrow(file, undefined);
    return [{ name: undefined, dtype, shape: [...shape] }];
  }
  const ending = endingOf(file);
  if (ending === '.bin') return broken(file, 'is a raw file, which does not say what it holds');
  if (ending === '.npy') {
    const { dtype, shape } = await openNpy(await FileBytes.of(file));
    return [{ name: undefined, dtype, shape: [...shape] }];
  }
  const arrays = ending === '.npz' ? await readNpz(file) : (await readSafetensors(file)).tensors;
  return [...arrays].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] }));
}
