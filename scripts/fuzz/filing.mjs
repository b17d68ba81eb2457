// Calls that read and write files, in a folder that goes when the process does. See calls.mjs.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atoms, codes, matrix } from './random.mjs';

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const ENDINGS = ['.npy', '.npz', '.safetensors', '.bin'];
const path = (r, ending) => join(folder, `${r.int(0, 1e9)}${ending}`);

/** The same random numbers are the same file, which is not written again: a call may be reading it. */
function put(file, bytes) {
  if (!existsSync(file)) writeFileSync(file, bytes);
}

/** A raw file: what needs no writer. */
function raw(r) {
  const [rows, cols] = [r.int(0, 9), r.int(1, 5)];
  const dtype = r.pick(['float32', 'float64', 'float16', 'bfloat16']);
  const count = rows * cols;
  const values = {
    float32: () => Float32Array.from({ length: count }, () => r.normal()),
    float64: () => Float64Array.from({ length: count }, () => r.normal()),
    float16: () => Uint16Array.from({ length: count }, () => r.int(0, 0x7bff)),
    bfloat16: () => Uint16Array.from({ length: count }, () => r.int(0, 0x5cff)),
  }[dtype]();
  const file = path(r, '.bin');
  put(file, values);
  const shape = r.pick([
    [rows, cols],
    [-1, cols],
    [rows, 1, cols],
  ]);
  return { file, options: { shape, ...(dtype === 'float32' ? r.some({ dtype }) : { dtype }) }, cols };
}

/** A safetensors file with one tensor. */
function named(r) {
  const [rows, cols] = [r.int(0, 9), r.int(1, 5)];
  const header = Buffer.from(
    JSON.stringify({ a: { dtype: 'F32', shape: [rows, cols], data_offsets: [0, 4 * rows * cols] } }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const values = Float32Array.from({ length: rows * cols }, () => r.normal());
  const file = path(r, '.safetensors');
  put(file, Buffer.concat([length, header, Buffer.from(values.buffer)]));
  return { file, options: r.some({ name: 'a' }), cols };
}

/** Codes that are written before they are read. */
async function loaded(pkg, [file, ...rest]) {
  if (typeof file === 'string' && file.startsWith(folder) && !existsSync(file)) {
    const indptr = Uint32Array.of(0, 2, 2, 3);
    const parts = { indptr, indices: Uint32Array.of(0, 3, 1), values: Float32Array.of(1, -2, 0.5) };
    await pkg.SparseCodes.from({ ...parts, shape: [3, 4] }).save(file);
  }
  return pkg.SparseCodes.load(file, ...rest);
}

const given = (r) => (r.chance(0.5) ? raw(r) : named(r));
const columns = (r, cols) =>
  r.some({ columns: r.pick([[0], [cols - 1], Array.from({ length: cols }, (_, i) => i)]) });

/** How a call that writes is compared: by what it wrote. */
const written = (write) => ({
  kind: 'async',
  threads: false,
  progress: false,
  call: async (pkg, args) => {
    await write(pkg, args);
    return readFileSync(args[0]);
  },
  hostile: write,
});

const writing = (r, ending) => ({
  ...r.some({
    dtype: r.pick(ending.startsWith('.np') ? ['float32', 'float64'] : ['float32', 'float64', 'bfloat16']),
  }),
  ...r.some({ name: r.pick(['a', 'W_dec', '__proto__', '0']) }),
});

async function batches(pkg, args) {
  const source = pkg.files.readMatrices(...args);
  const all = [];
  for await (const batch of source) if (all.push(batch) > 100) break;
  return [all, source.position()];
}

export const filing = {
  'files.readMatrix': {
    kind: 'async',
    threads: false,
    progress: false,
    make(r) {
      const { file, options, cols } = given(r);
      return [file, { ...options, ...columns(r, cols) }];
    },
  },
  'files.writeMatrix': {
    ...written((pkg, args) => pkg.files.writeMatrix(...args)),
    make(r) {
      const ending = r.pick(ENDINGS);
      return [path(r, ending), matrix(r, r.int(0, 5), r.int(1, 5)), writing(r, ending)];
    },
  },
  'files.readMatrices': {
    kind: 'async',
    threads: false,
    signal: false,
    call: batches,
    make(r) {
      const { file, options, cols } = given(r);
      const shuffle = r.pick([true, false, { seed: r.int(0, 9), buffer: r.int(1, 9) }]);
      const from = { version: 1, epoch: 0, row: 0, of: null };
      const paths = r.pick([file, [file, file], `${file.slice(0, -1)}[${file.at(-1)}]`]);
      return [paths, { ...options, ...columns(r, cols), ...r.some({ batch: r.int(1, 9), shuffle, from }) }];
    },
  },
  'files.listArrays': {
    kind: 'async',
    threads: false,
    signal: false,
    progress: false,
    make: (r) => [named(r).file],
  },
  'SparseCodes.load': {
    kind: 'async',
    threads: false,
    progress: false,
    call: loaded,
    make: (r) => [path(r, '.npz')],
  },
  'Dictionary.load': {
    kind: 'async',
    threads: false,
    progress: false,
    make(r) {
      const { file, options } = given(r);
      return [file, { ...options, ...r.some({ normalize: r.chance(0.5) }) }];
    },
  },
  'Dictionary.prototype.save': {
    ...written((pkg, [file, dictionary, options]) =>
      pkg.Dictionary.prototype.save.call(dictionary, file, options),
    ),
    hostile: (pkg, [file, dictionary, options]) =>
      dictionary instanceof pkg.Dictionary ? dictionary.save(file, options) : undefined,
    make(r, pkg) {
      const ending = r.pick(ENDINGS);
      const dictionary = pkg.Dictionary.from(atoms(r, r.int(1, 9), r.int(1, 5)));
      return [path(r, ending), dictionary, writing(r, ending)];
    },
  },
  'SparseCodes.prototype.save': {
    ...written((_, [file, saved, options]) => saved.save(file, options)),
    hostile: (pkg, [file, saved, options]) =>
      saved instanceof pkg.SparseCodes ? saved.save(file, options) : undefined,
    make(r, pkg) {
      const samples = r.int(0, 5);
      const saved = pkg.SparseCodes.from(codes(r, samples, r.int(1, 9)));
      if (r.chance(0.5)) return [path(r, '.npz'), saved, r.some({ format: 'npz' })];
      const tokens = { data: Array.from({ length: samples }, () => r.int(0, 99)), shape: [1, samples] };
      const sequences = r.chance(0.5) ? { tokens } : { positions: 1 };
      return [path(r, '.safetensors'), saved, { ...sequences, ...r.some({ format: 'delphi' }) }];
    },
  },
};
