// Streams of shards that go on exactly where one stopped, or from a batch on.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { files, type Matrix } from '../../lib/index.js';
import { refused } from './fixtures.js';
import { all, FORMS, three, upTo } from './shards.js';

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
