// Memory that is taken away while fields are read, or from what was answered; and what is empty because it was taken away.
import { expect, it } from 'vitest';
import {
  claims,
  Dictionary,
  type ErrorCode,
  fold,
  geometry,
  ops,
  prepare,
  SparseCodes,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { type Anything, dictionary, drain, failure, gone } from './calls.js';

const { dims } = dictionary;
const x = { data: Float32Array.from({ length: 2 * dims }, (_, i) => Math.sin(i + 1)), shape: [2, dims] };
const square = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
const identity = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] };
const json = { shape: [1, 3], dtype: 'float32', indptr: [0, 2], indices: [1, 2], values: [1, -2] };

it('data that are taken away while the other fields are read are refused', async () => {
  for (const Type of [Float32Array, Float64Array]) {
    const taken = (): Anything => {
      const data = new Type([1, 0, 0, 1]);
      const field = { enumerable: true, get: () => gone(data) && undefined };
      return Object.defineProperty({ data, shape: [2, 2] }, 'order', field);
    };
    for (const call of [
      () => Dictionary.from(taken()),
      () => prepare(taken()),
      () => unfold(taken(), square, { lambda: 1, precision: 'float64' }),
      () => ops.gram(taken()),
      () => ops.correlate(identity as Anything, square, { out: taken() }),
    ]) {
      const error = (await failure(call)) as Anything;
      expect(String(error?.stack)).toMatch(/^UnsuperposeError: /);
      expect(['ERR_SHAPE', 'ERR_DTYPE']).toContain(error.code);
    }
  }
});

it('empty matrices whose memory was taken away are empty matrices', async () => {
  const none = (cols: number): Anything => ({
    data: gone(new Float32Array(2)),
    shape: [cols === 0 ? 3 : 0, cols],
  });
  expect(ops.gram(none(0)).shape).toEqual([3, 3]);
  expect((await prepare(none(2))).shape).toEqual([0, 2]);
  expect(((await failure(() => claims.energy({ subspace: none(0), above: 0 }))) as Anything).code).toBe(
    'ERR_SHAPE',
  );
  const wide = { data: new Float32Array(0), shape: [2 ** 32 - 1, 0] };
  expect(
    ((await failure(() => claims.energy({ subspace: wide as Anything, above: 0 }))) as Anything).code,
  ).toBe('ERR_SHAPE');
});

it('answers whose memory was taken away say so', async () => {
  for (const key of ['indptr', 'indices', 'values'] as const) {
    const codes = SparseCodes.from({
      indptr: Uint32Array.of(0, 0, 2),
      indices: Uint32Array.of(0, 2),
      values: Float64Array.of(1, -2),
      shape: [2, 3],
    });
    expect(codes.row(0).values).toEqual(new Float64Array(0));
    gone(codes[key]);
    for (const call of [
      () => codes.toJSON(),
      () => codes.row(1),
      () => codes.byFeature(),
      () => codes.toDense(),
    ])
      expect(((await failure(call)) as Anything)?.code).toBe('ERR_SHAPE');
    // A row without entries has none.
    if (key !== 'indptr')
      expect(codes.row(0)).toEqual({ indices: new Uint32Array(0), values: new Float64Array(0) });
  }
  for (const key of ['indptr', 'samples', 'values'] as const) {
    const features = SparseCodes.from(json as Anything).byFeature();
    expect(features.feature(0).samples).toEqual(new Uint32Array(0));
    gone(features[key]);
    expect(((await failure(() => features.feature(1))) as Anything)?.code).toBe('ERR_SHAPE');
    if (key !== 'indptr') expect(features.feature(0).values).toEqual(new Float32Array(0));
  }
  const prepared = await prepare(x as Anything, { center: 'mean' });
  gone(prepared.center);
  for (const call of [
    () => prepared.restore(x as Anything),
    () => unfold(prepared, dictionary, { lambda: 1 }),
    () => drain(unfoldPath(prepared, dictionary, { count: 2 })),
    () =>
      fold({ ...unfoldSync(x, dictionary, { lambda: 1 }), preparation: prepared } as Anything, dictionary),
  ])
    expect(((await failure(call)) as Anything)?.code).toBe('ERR_SHAPE');
});

it('detached lists of indices and flags are refused', async () => {
  const indices = gone(new Uint32Array(2));
  const calls: [ErrorCode, () => unknown][] = [
    ['ERR_OPTION', () => geometry.phaseTransition(square, { sparsities: indices })],
    ['ERR_SHAPE', () => geometry.recoverability(square, { support: indices, signs: [1] })],
    ['ERR_SHAPE', () => claims.noCircuit({ dictionary: square, features: indices }, ['identity'], square, 1)],
    ['ERR_SHAPE', () => claims.connection({ to: 'a', features: indices as Anything, above: 0 })],
    ['ERR_SHAPE', () => unfold(x as Anything, dictionary, { method: 'omp', sparsity: indices as Anything })],
    [
      'ERR_SHAPE',
      () => unfold(x as Anything, dictionary, { lambda: 1, observed: gone(new Uint8Array(dims)) }),
    ],
    ['ERR_DTYPE', () => geometry.recoverability(square, { support: [0], signs: null as Anything })],
    [
      'ERR_DTYPE',
      () => geometry.recoverability(square, { support: [0], signs: { length: Symbol('s') } as Anything }),
    ],
  ];
  for (const [code, call] of calls)
    expect(((await failure(call)) as Anything)?.code, String(call)).toBe(code);
  // No active features at all: nothing to be found.
  expect((await geometry.recoverability(square, { support: indices })).verdict).toHaveLength(1);
});
