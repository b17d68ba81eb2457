// The npz format of NumPy: a zip archive with an npy array an entry.
import type { StoredArray } from './arrays.js';
import { FileBytes } from './bytes.js';
import { bytesOf } from './dtypes.js';
import { type ArrayToWrite, npyHeader, openNpy } from './npy.js';
import { broken } from './refuse.js';
import { replaceFile } from './replace.js';
import { readZip } from './zip.js';
import { ZipWriter } from './zip-writer.js';

const ENDING = '.npy';

/**
 * The arrays of an archive by their names (without `.npy`), each known by its header.
 * @throws UnsuperposeError `ERR_FILE`, `ERR_FORMAT`
 */
export async function readNpz(path: string): Promise<ReadonlyMap<string, StoredArray>> {
  const arrays = new Map<string, StoredArray>();
  for (const entry of await readZip(await FileBytes.of(path))) {
    if (!entry.name.endsWith(ENDING))
      broken(path, `holds ${entry.name}: entries of an npz are ${ENDING} arrays`);
    arrays.set(entry.name.slice(0, -ENDING.length), await openNpy(entry));
  }
  return arrays;
}

export interface WriteNpz {
  /** Deflate the entries. Without it any rows of them can be read alone. */
  readonly compress?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Arrays as an archive that `numpy.load` opens. */
export async function writeNpz(
  path: string,
  arrays: ReadonlyMap<string, ArrayToWrite>,
  { compress = false, signal }: WriteNpz = {},
): Promise<void> {
  await replaceFile(
    path,
    async (sink) => {
      const zip = new ZipWriter(sink);
      for (const [name, array] of arrays)
        await zip.add(`${name}${ENDING}`, [npyHeader(array), bytesOf(array.values)], compress);
      await zip.finish();
    },
    signal,
  );
}
