// Streams of shards: every row once, in an order that a seed decides; going on exactly where one stopped; memory that the files' size
// does not matter to.
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expand, naturally } from '../../lib/files/paths.js';
import { files, learnDictionary, type Matrix } from '../../lib/index.js';
import {
  file,
  fresh,
  type Kind,
  npy,
  npyText,
  npyWith,
  numbers,
  refused,
  safetensors,
  zip,
} from './fixtures.js';

type Form = 'npy' | 'fortran' | 'npz' | 'deflated' | 'safetensors' | 'bin';

/** A shard whose row r is [begin + r, −(begin + r)]. */
function shard(form: Form, begin: number, rows: number, kind: Kind = 'f4'): string {
  const values = Array.from({ length: 2 * rows }, (_, i) => (begin + (i >> 1)) * (i % 2 ? -1 : 1));
  const shape = `(${rows}, 2)`;
  const array = npy(`<${kind}`, shape, numbers(kind, values));
  switch (form) {
    case 'npy':
      return file('s.npy', array);
    case 'fortran': {
      const turned = [0, 1].flatMap((col) => values.filter((_, i) => i % 2 === col));
      return file('s.npy', npy(`<${kind}`, shape, numbers(kind, turned), 'True'));
    }
    case 'npz':
    case 'deflated':
      return file('s.npz', zip([{ name: 'a.npy', content: array, deflated: form === 'deflated' }]));
    case 'safetensors': {
      const data = numbers(kind, values);
      const dtype = { f2: 'F16', f4: 'F32', f8: 'F64', bf16: 'BF16' }[kind];
      return file(
        's.safetensors',
        safetensors({ a: { dtype, shape: [rows, 2], data_offsets: [0, data.length] } }, data),
      );
    }
    case 'bin':
      return file('s.bin', numbers(kind, values));
  }
}

async function all(source: AsyncIterable<Matrix>): Promise<{ rows: number[]; sizes: number[] }> {
  const [rows, sizes]: [number[], number[]] = [[], []];
  for await (const { data, shape } of source) {
    expect(data).toHaveLength(shape[0] * shape[1]);
    for (let i = 0; i < shape[0]; i++) {
      expect(data[i * shape[1] + 1]).toBe(-(data[i * shape[1]] as number));
      rows.push(data[i * shape[1]] as number);
    }
    sizes.push(shape[0]);
  }
  return { rows, sizes };
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
/** Three shards of 300 rows in all. */
const three = (form: Form, kind?: Kind) => [
  shard(form, 1, 130, kind),
  shard(form, 131, 5, kind),
  shard(form, 136, 165, kind),
];
const FORMS: readonly Form[] = ['npy', 'fortran', 'npz', 'deflated', 'safetensors'];

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

describe('a position', () => {
  const through = (value: unknown) => JSON.parse(JSON.stringify(value));
  const bits = ({ data, shape }: Matrix) => `${shape}:${Buffer.from(data.buffer).toString('hex')}`;

  it('goes on bit for bit, wherever it was taken, in this pass and the next', async () => {
    const cases = fc.record({
      form: fc.constantFrom(...FORMS.slice(0, 1), ...FORMS.slice(2)),
      batch: fc.integer({ min: 5, max: 130 }),
      shuffle: fc.oneof(
        fc.constant(false as const),
        fc.record({ seed: fc.nat(), buffer: fc.integer({ min: 1, max: 400 }) }),
      ),
      stop: fc.nat(700),
    });
    const paths = new Map(FORMS.map((form) => [form, three(form)]));
    await fc.assert(
      fc.asyncProperty(cases, async ({ form, batch, shuffle, stop }) => {
        const make = (from?: files.StreamPosition) =>
          files.readMatrices(paths.get(form) ?? [], { batch, shuffle, from });
        const whole: string[] = [];
        const source = make();
        for (let pass = 0; pass < 3; pass++) for await (const each of source) whole.push(bits(each));

        // Stopped after some batches, in whichever pass that is.
        const before: string[] = [];
        const stopped = make();
        const most = stop % whole.length;
        while (before.length < most)
          for await (const each of stopped) if (before.push(bits(each)) >= most) break;
        const position = through(stopped.position());
        const after: string[] = [];
        const resumed = make(position);
        for (let pass = position.epoch; pass < 3; pass++)
          for await (const each of resumed) after.push(bits(each));
        expect([...before, ...after]).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('before the first batch is the start, and at the end gives nothing more of that pass', async () => {
    const paths = three('npy');
    const source = files.readMatrices(paths, { batch: 100 });
    expect(source.position()).toEqual({ version: 1, epoch: 0, row: 0, of: null });
    expect((await all(files.readMatrices(paths, { batch: 100, from: source.position() }))).rows).toEqual(
      upTo(300),
    );
    await all(source);
    const ended = files.readMatrices(paths, { batch: 100, from: source.position() });
    expect((await all(ended)).rows).toEqual([]);
    expect((await all(ended)).rows).toEqual(upTo(300));
  });

  it('of another stream is refused', async () => {
    const paths = three('npy');
    const options = { batch: 100, shuffle: { seed: 1, buffer: 50 } };
    const source = files.readMatrices(paths, options);
    for await (const _ of source) break;
    const from = source.position();
    const go =
      (more: object, other = paths) =>
      () =>
        all(files.readMatrices(other, { ...options, from, ...more }));
    await refused(
      go({ batch: 50 }),
      'ERR_OPTION',
      /from is a position in a stream with batch 100, this one has 50/,
    );
    await refused(go({ shuffle: { seed: 2, buffer: 50 } }), 'ERR_OPTION', /with seed 1, this one has 2/);
    await refused(go({ shuffle: false }), 'ERR_OPTION', /with seed 1, this one has null/);
    await refused(go({}, paths.slice(1)), 'ERR_OPTION', /with rows 300, this one has 170/);
    await refused(go({}, [...paths].reverse()), 'ERR_OPTION', /with files of other names/);
    await refused(go({ columns: [1, 0] }), 'ERR_OPTION', /or of other columns/);
    for (const wrong of [
      5,
      {},
      { ...from, version: 2 },
      { ...from, row: -1 },
      { ...from, of: null },
      { ...from, row: 301 },
    ])
      expect(() => files.readMatrices(paths, { ...options, from: wrong as never })).toThrow(
        /from must be what position/,
      );
  });
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

describe('patterns', () => {
  const folder = fresh('patterns');
  mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
  mkdirSync(join(folder, '.hidden'));
  for (const name of [
    'a-10.npy',
    'a-2.npy',
    'a-1.npy',
    'b-1.npz',
    '.a-3.npy',
    'x[1].npy',
    'deep/a-7.npy',
    'deep/er/a-8.npy',
    '.hidden/a-9.npy',
  ])
    writeFileSync(join(folder, name), '');
  const matched = async (pattern: string) =>
    (await expand([join(folder, pattern)])).map((path) => path.slice(folder.length + 1));

  it.each([
    ['a-*.npy', ['a-1.npy', 'a-2.npy', 'a-10.npy']],
    ['a-?.npy', ['a-1.npy', 'a-2.npy']],
    ['{a,b}-1.np[yz]', ['a-1.npy', 'b-1.npz']],
    ['a-[!1]*.npy', ['a-2.npy']],
    ['.a*', ['.a-3.npy']],
    ['x[1].npy', ['x[1].npy']],
    ['*/a-*', ['deep/a-7.npy']],
    ['**/a-*', ['a-1.npy', 'a-2.npy', 'a-10.npy', 'deep/a-7.npy', 'deep/er/a-8.npy']],
    ['nothing-here.npy', ['nothing-here.npy']],
  ])('%s', async (pattern, expected) => {
    expect(await matched(pattern)).toEqual(expected);
  });

  it('of no file are refused', async () => {
    await refused(() => matched('z*.npy'), 'ERR_FILE', /no file matches .*z\*\.npy/);
  });

  it('sort numbers as numbers, and totally', () => {
    const names = ['b', 'a', 'a1', 'a01', 'a2', 'a10', 'a1b', 'a1b2', '10', '9', '', 'ä'];
    for (const x of names)
      for (const y of names) {
        expect(Math.sign(naturally(x, y))).toBe(-Math.sign(naturally(y, x)) || 0);
        if (x !== y) expect(naturally(x, y)).not.toBe(0);
      }
    expect([...names].sort(naturally)).toEqual([
      '',
      '9',
      '10',
      'a',
      'a01',
      'a1',
      'a1b',
      'a1b2',
      'a2',
      'a10',
      'b',
      'ä',
    ]);
  });
});

describe('from a batch on', () => {
  const paths = three('npy');
  const make = (shuffle: boolean, more: object = {}) =>
    files.readMatrices(paths, {
      ...{ batch: 64, shuffle: shuffle && { seed: 2, buffer: 100 }, ...more },
    });

  it.each([false, true])(
    'gives the rest of that pass, and the next ones as they would be (shuffled: %s)',
    async (shuffle) => {
      const source = make(shuffle);
      const passes = [await all(source), await all(source), await all(source)].map(({ rows }) => rows);
      for (const items of [0, 1, 4, 5, 9, Number.POSITIVE_INFINITY]) {
        const later = make(shuffle);
        expect((await all(later.readFrom(Number.POSITIVE_INFINITY))).rows).toEqual([]);
        expect((await all(later.readFrom(items))).rows).toEqual(passes[1]?.slice(64 * items));
        expect((await all(later)).rows).toEqual(passes[2]);
      }
    },
  );

  it('goes on from a position', async () => {
    const source = make(true);
    const { rows } = await all(source);
    const begun = make(true);
    for await (const _ of begun) break;
    const from = begun.position();
    const later = make(true, { from });
    const pass = later.readFrom(2);
    expect((await all(pass)).rows).toEqual(rows.slice(3 * 64));
    expect(later.position()).toMatchObject({ epoch: 0, row: 300 });
    expect((await all(later)).rows).toEqual((await all(source)).rows);
  });

  it.each([-1, 0.5, Number.NaN, '2'])('refuses %s', (items) => {
    expect(() => make(false).readFrom(items as number)).toThrow(
      /items must be an integer ≥ 0, or Infinity, got/,
    );
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
