// Streams of shards: every row once, in an order that a seed decides; memory that the files' size does not matter to.
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { files, learnDictionary } from '../../lib/index.js';
import { file, fresh, npy, npyText, npyWith, numbers, refused, zip } from './fixtures.js';
import { all, FORMS, shard, three, upTo } from './shards.js';

describe.each([...FORMS, 'bin'] as const)('%s shards', (form) => {
  const options = form === 'bin' ? ({ shape: [-1, 2] } as const) : {};

  it('are given in order, in batches that run over their ends, again and again', async () => {
    const source = files.readMatrices(three(form), { batch: 64, ...options });
    for (let pass = 0; pass < 2; pass++) {
      const { rows, sizes } = await all(source);
      expect(rows).toEqual(upTo(300));
      expect(sizes).toEqual([64, 64, 64, 64, 44]);
    }
  });

  it('are shuffled by a seed, each pass anew, each row once', async () => {
    const make = (seed: number) =>
      files.readMatrices(three(form), { batch: 7, shuffle: { seed, buffer: 64 }, ...options });
    const source = make(1);
    const [first, second, again, other] = [
      await all(source),
      await all(source),
      await all(make(1)),
      await all(make(2)),
    ].map(({ rows }) => rows);
    for (const rows of [first, second, again, other] as number[][])
      expect([...rows].sort((a, b) => a - b)).toEqual(upTo(300));
    expect(again).toEqual(first);
    expect(second).not.toEqual(first);
    expect(other).not.toEqual(first);
    // The first bufferful has rows from all over the files, but of what can only be read from its start.
    if (form !== 'deflated') expect(Math.max(...(first as number[]).slice(0, 64))).toBeGreaterThan(200);
  });
});

it('16-bit and 64-bit shards are floats of that precision', async () => {
  for (const kind of ['f2', 'f8'] as const) {
    const source = files.readMatrices(three('npy', kind), { batch: 100 });
    for await (const { data } of source)
      expect(data).toBeInstanceOf(kind === 'f8' ? Float64Array : Float32Array);
    expect((await all(source)).rows).toEqual(upTo(300));
  }
});

it('a shuffle of one bufferful gives every order', async () => {
  const orders = new Set<string>();
  const path = [shard('npy', 1, 3)];
  for (let seed = 0; seed < 100; seed++)
    orders.add((await all(files.readMatrices(path, { shuffle: { seed, buffer: 3 } }))).rows.join());
  expect(orders.size).toBe(6);
});

it('shards without rows are passed over, and nothing but such gives nothing', async () => {
  const empty = file('e.npy', npy('<f4', '(0, 2)', Buffer.alloc(0)));
  const { rows, sizes } = await all(files.readMatrices([empty, ...three('npy'), empty], { batch: 300 }));
  expect([rows, sizes]).toEqual([upTo(300), [300]]);
  for (const shuffle of [false, true])
    expect((await all(files.readMatrices([empty], { shuffle }))).sizes).toEqual([]);
});

it('some columns, and three axes', async () => {
  const path = file('c.npy', npy('<f4', '(2, 2, 3)', numbers('f4', upTo(12))));
  const got: number[] = [];
  for await (const { data } of files.readMatrices(path, { batch: 3, columns: [2, 0] })) got.push(...data);
  expect(got).toEqual([3, 1, 6, 4, 9, 7, 12, 10]);
});

it('what a shard without rows says of its columns does not matter', async () => {
  const empty = file('e.npy', npy('<f8', '(0, 7)', Buffer.alloc(0)));
  expect((await all(files.readMatrices([empty, ...three('npy')], { columns: [0, 1] }))).rows).toEqual(
    upTo(300),
  );
});

describe('refuses', () => {
  const run =
    (paths: readonly string[], options = {}) =>
    () =>
      all(files.readMatrices(paths, options));

  it('shards that differ, by both names, before the first batch', async () => {
    const [a, wide] = [shard('npy', 1, 5), file('w.npy', npy('<f4', '(1, 3)', numbers('f4', [1, 2, 3])))];
    await refused(
      run([a, wide]),
      'ERR_SHAPE',
      /w\.npy has 3 columns, .*s\.npy has 2: shards of one stream must agree/,
    );
    await refused(
      run([a, shard('npy', 1, 5, 'f2')]),
      'ERR_FORMAT',
      /s\.npy holds float16, .*s\.npy holds float32/,
    );
    const cut = file('cut.npy', npy('<f4', '(5, 2)', Buffer.alloc(36)));
    await refused(run([a, cut]), 'ERR_FORMAT', /cut\.npy: the shape \(5, 2\)/);
  });

  it.each([false, { seed: 3, buffer: 4 }])('NaN, by file and row (shuffle %j)', async (shuffle) => {
    const values = upTo(20).map((value) => (value === 14 ? Number.NaN : value % 2 ? value : 1 - value));
    const bad = file('bad.npy', npy('<f4', '(10, 2)', numbers('f4', values)));
    await refused(
      run([shard('npy', 1, 5), bad], { batch: 3, shuffle }),
      'ERR_NOT_FINITE',
      /bad\.npy: row 6, column 1 is NaN/,
    );
  });

  it('a damaged entry at its end', async () => {
    const array = npy(
      '<f4',
      '(50, 2)',
      numbers(
        'f4',
        Array.from({ length: 100 }, (_, i) => (i >> 1) * (i % 2 ? -1 : 1)),
      ),
    );
    for (const deflated of [true, false]) {
      const path = file('d.npz', zip([{ name: 'a.npy', content: array, deflated, crc: 5 }]));
      await refused(
        run([path], { batch: 20 }),
        'ERR_FORMAT',
        /d\.npz: a\.npy has the checksum|d\.npz: a\.npy: has the checksum/,
      );
    }
  });

  it('rows without columns, of which a header may say any number', async () => {
    const path = file('z.npy', npy('<f4', '(1125899906842624, 0)', Buffer.alloc(0)));
    await refused(run([path]), 'ERR_SHAPE', /z\.npy has rows without columns/);
    expect((await files.readMatrix(path)).shape).toEqual([2 ** 50, 0]);
  });

  it('what cannot be read in order, and says what to do', async () => {
    const array = npy('<f4', '(2, 2)', numbers('f4', [1, 2, 3, 4]), 'True');
    const path = file('f.npz', zip([{ name: 'a.npy', content: array, deflated: true }]));
    await refused(
      run([path]),
      'ERR_SHAPE',
      /compressed and in Fortran order.*use readMatrix, or save it uncompressed/,
    );
  });

  it('options that cannot be', () => {
    const make =
      (options: object, paths: unknown = 'a.npy') =>
      () =>
        files.readMatrices(paths as string, options);
    expect(make({ batch: 0 })).toThrow(/batch must be an integer between 1/);
    expect(make({ shuffle: { sead: 1 } })).toThrow(
      /sead is not an option of shuffle \(did you mean seed\?\)/,
    );
    expect(make({ shuffle: 'yes' })).toThrow(/shuffle must be true, false or \{ seed, buffer \}, got "yes"/);
    expect(make({ shuffle: { buffer: 0 } })).toThrow(/buffer must be/);
    expect(make({}, [])).toThrow(/paths must name at least one file/);
    expect(make({}, ['a.npy', 3])).toThrow(/paths\[1\] must be a path, got 3/);
    expect(make({ bach: 5 })).toThrow(/bach is not an option of readMatrices \(did you mean batch\?\)/);
  });

  it('a file that is missing; what fails once may work the next time', async () => {
    const path = fresh('later.npy');
    const source = files.readMatrices(path, {});
    await refused(() => all(source), 'ERR_FILE', /later\.npy cannot be read: there is no such file/);
    writeFileSync(path, npy('<f4', '(1, 2)', numbers('f4', [1, -1])));
    expect((await all(source)).rows).toEqual([1]);
  });
});

it('learners take such a stream, several passes of it', async () => {
  const { dictionary, steps } = await learnDictionary(
    files.readMatrices(three('safetensors'), { batch: 100, shuffle: true }),
    {
      features: 2,
      lambda: 0.1,
      epochs: 2,
    },
  );
  expect([dictionary.dims, steps]).toEqual([2, 6]);
});

describe('a shard much larger than memory would be', () => {
  /** Peak memory of a process that reads all of it, in MB. */
  function peak(path: string, options: object): number {
    const script = `
      import { files } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      let rows = 0;
      for await (const { shape } of files.readMatrices(${JSON.stringify(path)}, ${JSON.stringify(options)})) rows += shape[0];
      console.log(rows, process.resourceUsage().maxRSS / 1024);
    `;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    const [rows, megabytes] = out.trim().split(' ').map(Number);
    expect(rows).toBe(150_000);
    return megabytes as number;
  }
  const HEADER = npyWith(npyText('<f4', '(150000, 512)'), Buffer.alloc(0));
  const BYTES = 150_000 * 512 * 4; // 307 MB

  it('is never in memory as a whole, plain or shuffled', () => {
    const path = fresh('large.npy');
    const descriptor = openSync(path, 'w');
    writeSync(descriptor, HEADER);
    ftruncateSync(descriptor, HEADER.length + BYTES); // zeros that take no place on the disk
    closeSync(descriptor);
    expect(peak(path, { batch: 1024 })).toBeLessThan(200);
    expect(peak(path, { batch: 1024, shuffle: { seed: 1, buffer: 8192 } })).toBeLessThan(200);
  });

  it('nor inflated', () => {
    // Zeros deflate by a thousand: one block of 6 MB again and again, sync-flushed so that blocks can be put together.
    const block = deflateRawSync(Buffer.alloc(6_144_000), { finishFlush: 2 });
    const blocks = Array.from({ length: BYTES / 6_144_000 }, () => block);
    const raw = Buffer.concat([deflateRawSync(HEADER, { finishFlush: 2 }), ...blocks, Buffer.from([3, 0])]);
    const zeros = Buffer.alloc(6_144_000);
    const crc = blocks.reduce((sum) => crc32(zeros, sum), crc32(HEADER));
    const size = HEADER.length + BYTES;
    const bytes = zip([{ name: 'a.npy', content: Buffer.alloc(0), raw, method: 8, size, crc }]);
    expect(peak(file('large.npz', bytes), { batch: 1024 })).toBeLessThan(200);
  });
});
