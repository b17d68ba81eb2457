// Dictionaries and codes in files, as other tools have them.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dictionary, SparseCodes } from '../../lib/index.js';
import { crcOf, file, fresh, npy, npyText, numbers, refused, safetensors } from './fixtures.js';

describe('a dictionary', () => {
  const atoms = [3, 4, 0, 2, 1, 0];
  const make = () => Dictionary.from({ data: Float32Array.from(atoms), shape: [3, 2] });

  it.each(['.npy', '.npz', '.safetensors', '.bin'])('comes back from %s with every bit', async (ending) => {
    const path = fresh(`d${ending}`);
    const data = Float32Array.from({ length: 35 }, (_, i) => Math.sin(i + 1));
    await Dictionary.from({ data, shape: [5, 7] }).save(path);
    const again = await Dictionary.load(path, ending === '.bin' ? { shape: [-1, 7] } : {});
    expect(again.toMatrix()).toEqual({ data, shape: [5, 7] });
  });

  it('is read from what others wrote, scaled where asked', async () => {
    const data = numbers('bf16', atoms);
    const header = {
      'decoder.weight': { dtype: 'BF16', shape: [3, 2], data_offsets: [0, 12] },
      b_dec: { dtype: 'BF16', shape: [0], data_offsets: [12, 12] },
    };
    const path = file('sae.safetensors', safetensors(header, data));
    const dictionary = await Dictionary.load(path, { name: 'decoder.weight', normalize: true });
    const unit = [0.6, 0.8, 0, 1, 1, 0].map(Math.fround);
    expect([...dictionary.toMatrix().data]).toEqual(unit);
    await refused(
      () => Dictionary.load(path),
      'ERR_OPTION',
      /holds 2 arrays: say which by name; there are: /,
    );
    await refused(() => Dictionary.load(path, { name: 'b_dec' }), 'ERR_SHAPE', /b_dec has the shape \[0\]/);
  });

  it('is read from float64 atoms', async () => {
    const values = [1 + 2 ** -40, -1 / 3];
    const path = file('d.npy', npy('<f8', '(1, 2)', numbers('f8', values)));
    expect([...(await Dictionary.load(path)).toMatrix().data]).toEqual(values.map(Math.fround));
  });

  it('is saved in 16 bits, under a name, and may be disposed meanwhile', async () => {
    const path = fresh('d.safetensors');
    const dictionary = make();
    const saved = dictionary.save(path, { dtype: 'bfloat16', name: 'W_dec' });
    dictionary.dispose();
    await saved;
    expect([...(await Dictionary.load(path, { name: 'W_dec' })).toMatrix().data]).toEqual(atoms);
    await refused(() => dictionary.save(path), 'ERR_DISPOSED', /was disposed/);
  });

  it('is refused without features or dims, and as what Dictionary.from refuses', async () => {
    const empty = file('e.npy', npy('<f4', '(0, 2)', Buffer.alloc(0)));
    await refused(() => Dictionary.load(empty), 'ERR_SHAPE', /at least one/);
    const nan = file('n.npy', npy('<f4', '(2, 2)', numbers('f4', [1, 2, Number.NaN, 4])));
    await refused(() => Dictionary.load(nan), 'ERR_NOT_FINITE', /n\.npy: row 1, column 0 is NaN/);
    await refused(
      () => Dictionary.load('a.npy', { normalise: true } as never),
      'ERR_OPTION',
      /did you mean normalize/,
    );
    await refused(
      () => make().save('a.npy', { format: 'npy' } as never),
      'ERR_OPTION',
      /not an option of dictionary\.save/,
    );
    await refused(() => make().save('a.txt'), 'ERR_FORMAT', /must end in \.npy/);
  });
});

const CODES = SparseCodes.from({
  indptr: Uint32Array.of(0, 2, 2, 3, 5),
  indices: Uint32Array.of(0, 3, 1, 2, 3),
  values: Float32Array.of(0.5, -2, 1, 0.25, 8),
  shape: [4, 4],
});

/** The entries of an archive of ours, by the offsets of the specification. */
function unzip(path: string): Map<string, Buffer> {
  const bytes = readFileSync(path);
  const found = new Map<string, Buffer>();
  for (let at = 0; bytes.readUInt32LE(at) === 0x04034b50; ) {
    const compressed = bytes.readUInt32LE(at + 18);
    const begin = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 30, at + 30 + bytes.readUInt16LE(at + 26));
    const content = inflateRawSync(bytes.subarray(begin, begin + compressed));
    expect(crcOf(content)).toBe(bytes.readUInt32LE(at + 14));
    expect(content.length).toBe(bytes.readUInt32LE(at + 22));
    found.set(name, content);
    at = begin + compressed;
  }
  return found;
}

const ints = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);

describe('codes as npz', () => {
  it("are SciPy's arrays, byte for byte", async () => {
    const path = fresh('c.npz');
    await CODES.save(path);
    expect([...unzip(path)]).toEqual([
      ['indices.npy', npy('<i4', '(5,)', ints(0, 3, 1, 2, 3))],
      ['indptr.npy', npy('<i4', '(5,)', ints(0, 2, 2, 3, 5))],
      ['format.npy', npy('|S3', '()', Buffer.from('csr'))],
      ['shape.npy', npy('<i8', '(2,)', Buffer.from(BigInt64Array.of(4n, 4n).buffer))],
      ['data.npy', npy('<f4', '(5,)', numbers('f4', [0.5, -2, 1, 0.25, 8]))],
    ]);
    expect(npyText('<i4', '(5,)')).toHaveLength(118);
  });

  it('keep float64 weights', async () => {
    const path = fresh('c.npz');
    await SparseCodes.from({ ...CODES, values: Float64Array.of(0.1, 0.2, 0.3, 0.4, 0.5) }).save(path);
    expect(unzip(path).get('data.npy')).toEqual(npy('<f8', '(5,)', numbers('f8', [0.1, 0.2, 0.3, 0.4, 0.5])));
  });

  it('are what they were when the call was made', async () => {
    const path = fresh('c.npz');
    const codes = SparseCodes.from(structuredClone(CODES));
    const saved = codes.save(path);
    codes.values.fill(9);
    codes.indices.fill(0);
    await saved;
    expect(unzip(path).get('data.npy')).toEqual(npy('<f4', '(5,)', numbers('f4', [0.5, -2, 1, 0.25, 8])));
    await refused(() => codes.save(path), 'ERR_SHAPE', /ascend/);
  });
});

/** SciPy, where this machine has it. */
function python(code: string): string | undefined {
  try {
    return execFileSync('python3', ['-c', `import scipy.sparse as sp, numpy as np\n${code}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

it.skipIf(python('') === undefined)('SciPy loads any codes', async () => {
  const paths: string[] = [];
  const expected: string[] = [];
  const dense = fc.array(
    fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -8, max: 8 })), { minLength: 3, maxLength: 3 }),
    { maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(dense, async (rows) => {
      const entries = rows.map((row) =>
        row.flatMap((value, j) => (value === 0 ? [] : [[j, value] as const])),
      );
      const indptr = [0];
      for (const row of entries) indptr.push((indptr.at(-1) as number) + row.length);
      const path = fresh('c.npz');
      await SparseCodes.from({
        indptr: Uint32Array.from(indptr),
        indices: Uint32Array.from(entries.flat(), ([j]) => j),
        values: Float32Array.from(entries.flat(), ([, value]) => value),
        shape: [rows.length, 3],
      }).save(path);
      paths.push(path);
      expected.push(JSON.stringify(rows.map((row) => row.map((value) => value + 0))));
    }),
    { numRuns: 30 },
  );
  const printed = python(`
import json
for path in ${JSON.stringify(paths)}:
    m = sp.load_npz(path); m.check_format(full_check=True); print(json.dumps(m.toarray().astype(int).tolist(), separators=(',', ':')))`);
  expect(printed?.trim().split('\n')).toEqual(expected);
});

describe('codes for delphi', () => {
  it('are locations, activations and tokens, byte for byte', async () => {
    const path = fresh('0_3.safetensors');
    await CODES.save(path, { tokens: { data: [5, 6, 7, 70_000], shape: [2, 2] } });
    const bytes = readFileSync(path);
    const size = Number(bytes.readBigUInt64LE());
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + size))).toEqual({
      tokens: { dtype: 'I64', shape: [2, 2], data_offsets: [0, 32] },
      activations: { dtype: 'F16', shape: [5], data_offsets: [32, 42] },
      locations: { dtype: 'U16', shape: [5, 3], data_offsets: [42, 72] },
    });
    const data = bytes.subarray(8 + size);
    expect([...new BigInt64Array(new Uint8Array(data.subarray(0, 32)).buffer)]).toEqual([
      5n,
      6n,
      7n,
      70_000n,
    ]);
    expect(data.subarray(32, 42)).toEqual(numbers('f2', [0.5, -2, 1, 0.25, 8]));
    // sequence, position, latent
    expect([...new Uint16Array(new Uint8Array(data.subarray(42)).buffer)]).toEqual([
      ...[0, 0, 0],
      ...[0, 0, 3],
      ...[1, 0, 1],
      ...[1, 1, 2],
      ...[1, 1, 3],
    ]);
  });

  it('have 32-bit places where 16 bits do not do', async () => {
    const path = fresh('0_99999.safetensors');
    const codes = {
      indptr: Uint32Array.of(0, 1),
      indices: Uint32Array.of(65_536),
      values: Float32Array.of(1),
    };
    await SparseCodes.from({ ...codes, shape: [1, 65_537] }).save(path, { positions: 1 });
    const bytes = readFileSync(path);
    expect(bytes.toString('utf8')).toContain(
      '"locations":{"dtype":"U32","shape":[1,3],"data_offsets":[0,12]}',
    );
  });

  it('are refused where they do not fit', async () => {
    const path = fresh('0_3.safetensors');
    const save =
      (options: object, codes = CODES, to = path) =>
      () =>
        codes.save(to, options as never);
    await refused(save({}), 'ERR_OPTION', /give tokens, or positions, how many samples are one sequence/);
    await refused(
      save({ positions: 3 }),
      'ERR_SHAPE',
      /codes have 4 samples, no whole number of sequences of 3/,
    );
    await refused(
      save({ tokens: { data: [1, 2], shape: [1, 2] } }),
      'ERR_SHAPE',
      /tokens are of 1 × 2 samples, codes have 4/,
    );
    await refused(save({ tokens: { data: [1, 2], shape: [1, 3] } }), 'ERR_SHAPE', /tokens\.data holds 2 ids/);
    await refused(
      save({ tokens: { data: [1, 2, 3, -1], shape: [2, 2] } }),
      'ERR_OPTION',
      /tokens\.data\[3\] must be a token id/,
    );
    await refused(save({ tokens: 5 }), 'ERR_OPTION', /tokens must be/);
    await refused(
      save({ tokens: { data: [1], shape: [1, 1] }, positions: 1 }),
      'ERR_OPTION',
      /positions is an option of/,
    );
    await refused(save({ positions: 4, format: 'npz' }), 'ERR_OPTION', /codes of format npz are \.npz files/);
    await refused(
      save({ positions: 4 }, CODES, fresh('c.npz')),
      'ERR_OPTION',
      /positions is an option of format delphi/,
    );
    await refused(save({}, CODES, 'c.bin'), 'ERR_FORMAT', /must end in \.npz or \.safetensors/);
    const large = SparseCodes.from({ ...CODES, values: Float32Array.of(1, 1, 1, 70_000, 1) });
    await refused(
      save({ positions: 2 }, large),
      'ERR_NOT_FINITE',
      /entry 3 is 70000, too large for the float16/,
    );
    expect(existsSync(path)).toBe(false);
  });
});
