// Streams that can begin later: what a checkpoint has seen is not read again, and the result is the same to the bit.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  Dictionary,
  files,
  learnDictionary,
  type Matrix,
  trainLista,
  trainSparseAutoencoder,
} from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-streams-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ROWS = 300;
const BATCH = 50;
const ITEMS = ROWS / BATCH;
const DIMS = 6;
const random = makeRandom(41);
const data = Float32Array.from({ length: ROWS * DIMS }, () => random.normal());
const file = join(folder, 'samples.npy');
await files.writeMatrix(file, { data, shape: [ROWS, DIMS] });
const open = () => files.readMatrices(file, { batch: BATCH, shuffle: { seed: 3, buffer: 128 } });

type Source = ReturnType<typeof open>;

/** The items of passes, as they are asked for. */
class Counted {
  readonly reads: number[] = [];
  readonly #of: Source;
  constructor(of: Source) {
    this.#of = of;
  }
  async *#count(pass: AsyncIterable<Matrix>): AsyncGenerator<Matrix> {
    const at = this.reads.push(0) - 1;
    for await (const item of pass) {
      this.reads[at] = Number(this.reads[at]) + 1;
      yield item;
    }
  }
  [Symbol.asyncIterator](): AsyncGenerator<Matrix> {
    return this.#count(this.#of);
  }
  readFrom(items: number): AsyncGenerator<Matrix> {
    return this.#count(this.#of.readFrom(items));
  }
}

type Result = Promise<readonly [unknown, unknown]>;
type Run = (source: unknown, more: object) => Result;

const learn: Run = async (source, more) => {
  const options = { features: 9, lambda: 0.2, batchSize: 20, seed: 2, ...more };
  const { dictionary, ...figures } = await learnDictionary(source as AsyncIterable<Matrix>, options);
  return [dictionary.toMatrix(), figures];
};
const train: Run = async (source, more) => {
  const options = {
    architecture: 'topk',
    features: 9,
    sparsity: 2,
    batchSize: 20,
    seed: 2,
    ...more,
  } as const;
  const sae = await trainSparseAutoencoder(source as AsyncIterable<Matrix>, options);
  return [sae.parameters(), sae.training];
};

const atoms = Dictionary.from(
  { data: Float32Array.from({ length: 9 * DIMS }, () => random.normal()), shape: [9, DIMS] },
  { normalize: true },
);
afterAll(() => atoms.dispose());
const unroll: Run = async (source, more) => {
  const options = { layers: 2, lambda: 0.2, batchSize: 20, seed: 2, ...more };
  const lista = await trainLista(source as AsyncIterable<Matrix>, atoms, options);
  return [lista.parameters(), lista.training];
};

/** Stops after so many reports, with a checkpoint of all but the last, and answers where that is. */
async function stopped(run: Run, more: object, reports: number): Promise<string> {
  const path = join(folder, 'state.safetensors');
  rmSync(path, { force: true });
  let seen = 0;
  const onProgress = (): void => {
    if (++seen === reports) throw new Error('enough');
  };
  const given = { ...more, checkpoint: { path, every: 1 }, onProgress };
  await expect(run(open(), given)).rejects.toThrow('enough');
  return path;
}

describe.each([
  ['learnDictionary', learn],
  ['learnDictionary, from atoms far apart', (of, more) => learn(of, { ...more, start: 'kmeans++' })],
  ['trainSparseAutoencoder', train],
  ['trainLista', unroll],
] satisfies [string, Run][])('%s', (_, run) => {
  // A report an item; the one that is stopped is not in the checkpoint.
  it.each([
    ['in the first pass', 5, [3, ITEMS, ITEMS]],
    ['in the second', ITEMS + 4, [0, 4, ITEMS]],
    ['at the end of the second', 2 * ITEMS + 1, [0, 1, ITEMS]],
  ])(
    'stopped %s, reads the last item that it has seen and what comes after',
    async (_where, reports, reads) => {
      const straight = await run(open(), { epochs: 3 });
      const path = await stopped(run, { epochs: 3 }, reports);
      const source = new Counted(open());
      expect(await run(source, { epochs: 3, resume: path })).toEqual(straight);
      expect(source.reads).toEqual(reads);
      // A function that gives the stream, or one anew: each of its passes is the first then.
      const same = open();
      expect(await run(() => same, { epochs: 3, resume: path })).toEqual(straight);
      const plain = open();
      const unseekable = { [Symbol.asyncIterator]: () => plain[Symbol.asyncIterator]() };
      expect(await run(unseekable, { epochs: 3, resume: path })).toEqual(straight);
    },
  );

  it.skipIf(run === unroll)('with holdout, the first pass is read again', async () => {
    const more = { epochs: 3, holdout: 0.2 };
    const straight = await run(open(), more);
    // Three passes have a report more each, of what is held out.
    const path = await stopped(run, more, 2 * (ITEMS + 1) + 3);
    const source = new Counted(open());
    expect(await run(source, { ...more, resume: path })).toEqual(straight);
    expect(source.reads).toEqual([ITEMS, 0, ITEMS - 1]);
  });

  it('goes on from what is done, and only looks at its last item', async () => {
    const path = join(folder, 'done.safetensors');
    const straight = await run(open(), { epochs: 2, checkpoint: { path } });
    const source = new Counted(open());
    expect(await run(source, { epochs: 2, resume: path })).toEqual(straight);
    expect(source.reads).toEqual([0, 1]);
  });

  it('refuses fewer items than the checkpoint has seen, sought or passed over', async () => {
    const path = await stopped(run, {}, 6);
    const items = Array.from({ length: 4 }, (_, i) => ({
      data: data.subarray(i * BATCH * DIMS, (i + 1) * BATCH * DIMS),
      shape: [BATCH, DIMS],
    }));
    const short = Object.assign([...items], { readFrom: (from: number) => items.slice(from) });
    for (const source of [items, short])
      await expect(run(source, { resume: path })).rejects.toMatchObject({
        code: 'ERR_OPTION',
        message:
          'resume: the checkpoint is of 5 items of pass 1 over the activations, which have no more than 4 now: give the same data',
      });
  });

  it('refuses fewer passes than the checkpoint has begun, sought or passed over', async () => {
    const path = await stopped(run, { epochs: 3 }, ITEMS + 4);
    const plain = open();
    for (const source of [open(), { [Symbol.asyncIterator]: () => plain[Symbol.asyncIterator]() }])
      await expect(run(source, { epochs: 1, resume: path })).rejects.toMatchObject({
        code: 'ERR_OPTION',
        message:
          'resume: the checkpoint is of pass 2 over the activations, epochs is 1: give the same options',
      });
  });

  it('counts items without samples', async () => {
    const none = { data: new Float32Array(0), shape: [0, DIMS] };
    const items = Array.from({ length: ITEMS }, (_, i) => ({
      data: data.subarray(i * BATCH * DIMS, (i + 1) * BATCH * DIMS),
      shape: [BATCH, DIMS],
    })).flatMap((item) => [none, item, none]);
    const froms: number[] = [];
    const sought = Object.assign([...items], {
      readFrom: (from: number) => {
        froms.push(from);
        return items.slice(from);
      },
    });
    const straight = await run(items, { epochs: 2 });
    const path = join(folder, 'empty.safetensors');
    for (const reports of [3, ITEMS, ITEMS + 1, ITEMS + 3]) {
      rmSync(path, { force: true });
      let seen = 0;
      const onProgress = (): void => {
        if (++seen === reports) throw new Error('enough');
      };
      const given = { epochs: 2, checkpoint: { path, every: 1 }, onProgress };
      await expect(run(items, given)).rejects.toThrow('enough');
      for (const source of [sought, items]) {
        expect(await run(source, { epochs: 2, resume: path })).toEqual(straight);
      }
    }
    // Of three items each the second has the samples.
    const last = (count: number): number => 3 * count + 1;
    expect(froms.filter((from) => from > 0)).toEqual([
      ...[last(1), last(ITEMS - 2), last(ITEMS - 1)],
      ...[Number.POSITIVE_INFINITY, last(1)],
    ]);
  });

  it('refuses a readFrom that gives no matrices', async () => {
    const path = await stopped(run, {}, 4);
    const source = Object.assign([{ data, shape: [ROWS, DIMS] }], { readFrom: () => 3 });
    await expect(run(source, { resume: path })).rejects.toThrow(
      'activations.readFrom() must give an iterable of matrices, or an async one, got 3',
    );
  });
});
