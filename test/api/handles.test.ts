// Dictionary handles: dispose, use after dispose, dispose during a job, and objects that only look like one.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  fold,
  lambdaMax,
  ops,
  UnsuperposeError,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { norm, toRows } from '../reference/linear.js';
import { coherent } from '../reference/problems.js';
import { expectSame } from '../reference/verify.js';
import { type Anything, atoms, codes, failure, samples } from './calls.js';

it('tells its size', () => {
  const dictionary = Dictionary.from(atoms);
  expect([dictionary.features, dictionary.dims, dictionary.disposed]).toEqual([12, 5, false]);
  expect(dictionary.bytes).toBeGreaterThanOrEqual(2 * 12 * 5 * 4);
});

it('normalizes on request, and leaves zero atoms', () => {
  const data = atoms.data.map((v, i) => (i < 5 ? 0 : v * 37));
  const rows = toRows(Dictionary.from({ data, shape: atoms.shape }, { normalize: true }).toMatrix());
  // Each entry is rounded once: the norm is off by at most √dims·2⁻²⁴ and a little.
  rows.forEach((row, j) => {
    expect(Math.abs(norm(row) - (j === 0 ? 0 : 1))).toBeLessThan(2e-7);
  });
  const plain = Dictionary.from({ data, shape: atoms.shape }, { normalize: false });
  expect(plain.toMatrix().data).toEqual(data);
});

describe('dispose', () => {
  it('is idempotent, and every use afterwards is refused', async () => {
    const dictionary = Dictionary.from(atoms);
    dictionary.dispose();
    dictionary.dispose();
    expect(dictionary.disposed).toBe(true);
    const uses: (() => unknown)[] = [
      () => unfold(samples, dictionary, { lambda: 0.1 }),
      () => unfoldSync(samples, dictionary, { lambda: 0.1 }),
      () =>
        unfoldPath(samples, dictionary, { lambdas: [1] })
          [Symbol.asyncIterator]()
          .next(),
      () => fold(codes, dictionary),
      () => lambdaMax(samples, dictionary),
      () => ops.correlate(samples, dictionary),
      () => ops.topK(samples, dictionary, 1),
      () => ops.above(samples, dictionary, 1),
      () => ops.maximum(samples, dictionary),
      () => dictionary.toMatrix(),
    ];
    for (const use of uses) {
      const error = await failure(use);
      expect(error).toBeInstanceOf(UnsuperposeError);
      expect((error as UnsuperposeError).code).toBe('ERR_DISPOSED');
      expect((error as Error).message).toMatch(/dictionary/i);
    }
  });

  it('works as Symbol.dispose', () => {
    const dictionary = Dictionary.from(atoms);
    const dispose = (Symbol as Anything).dispose ?? Symbol.for('nodejs.dispose');
    (dictionary as Anything)[dispose]();
    expect(dictionary.disposed).toBe(true);
  });

  it('during a job waits for the job: its result is unharmed', async () => {
    const problem = coherent(321, { features: 500, dims: 64, samples: 400, active: 8 });
    const expected = unfoldSync(problem.samples, Dictionary.from(problem.atoms), { lambda: 0.05 });
    const dictionary = Dictionary.from(problem.atoms);
    const jobs = [1, 2, 3].map((threads) => unfold(problem.samples, dictionary, { lambda: 0.05, threads }));
    dictionary.dispose();
    expect(dictionary.disposed).toBe(true);
    for (const result of await Promise.all(jobs)) expectSame(expected, result);
  });

  it('of the path: in the middle of it is an error, not a crash', async () => {
    const dictionary = Dictionary.from(atoms);
    const error = await failure(async () => {
      for await (const _ of unfoldPath(samples, dictionary, { lambdas: [0.3, 0.2, 0.1] }))
        dictionary.dispose();
    });
    expect(error === undefined || (error as UnsuperposeError).code === 'ERR_DISPOSED').toBe(true);
  });
});

it('refuses what only looks like a dictionary', async () => {
  const real = Dictionary.from(atoms);
  const impostors: unknown[] = [
    undefined,
    null,
    7,
    {},
    atoms,
    Object.create(Dictionary.prototype),
    { ...real },
    { features: 12, dims: 5 },
    new Proxy(real, {}),
    Object.setPrototypeOf({}, real),
    new (class extends Map {})(),
    globalThis,
  ];
  for (const impostor of impostors) {
    for (const call of [
      () => unfoldSync(samples, impostor as Anything, { lambda: 0.1 }),
      () => unfold(samples, impostor as Anything, { lambda: 0.1 }),
      () => fold(codes, impostor as Anything),
    ]) {
      const error = await failure(call);
      expect(error).toBeInstanceOf(UnsuperposeError);
      expect((error as UnsuperposeError).code).toMatch(/^ERR_(DTYPE|OPTION|DISPOSED)$/);
    }
  }
});

it('methods on foreign objects are refused', async () => {
  const real = Dictionary.from(atoms);
  for (const self of [{}, null, undefined, Object.create(Dictionary.prototype), new Map()])
    expect(await failure(() => real.toMatrix.call(self as Anything))).toBeInstanceOf(Error);
  expect(await failure(() => new (Dictionary as Anything)())).toBeInstanceOf(Error);
  expect(await failure(() => new (Dictionary as Anything)({ features: 1 }, 2, 3))).toBeInstanceOf(Error);
});

it('native memory is given back when a handle is disposed', () => {
  const side = 2048;
  const megabyte = 2 ** 20;
  const large = { data: new Float32Array(side * side).fill(0.01), shape: [side, side] as const };
  const before = process.memoryUsage().rss / megabyte;
  const made = Dictionary.from(large);
  const during = process.memoryUsage().rss / megabyte;
  // The atoms, 16 MB, in a block that the allocator maps and unmaps by itself. Half of that is left to whatever else the process does in between.
  const share = made.bytes / megabyte / 2;
  expect(share).toBeGreaterThanOrEqual(8);
  made.dispose();
  expect(during - before).toBeGreaterThan(share);
  expect(during - process.memoryUsage().rss / megabyte).toBeGreaterThan(share);
  expect(made.bytes).toBe(0);
});
