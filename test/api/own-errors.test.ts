// What a caller changes during or after a call, and what float32 cannot hold: our own errors, and answers of the call as it was made.
import { expect, it } from 'vitest';
import { Dictionary, geometry, ops, SparseCodes } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';
import { failure } from './calls.js';

const code = async (call: () => unknown) => ((await failure(call)) as { code?: string } | undefined)?.code;

function random(features: number, dims: number, seed: number): Dictionary {
  const numbers = makeRandom(seed);
  const data = Float32Array.from({ length: features * dims }, () => numbers.normal());
  return Dictionary.from({ data, shape: [features, dims] }, { normalize: true });
}

it('recoverability is about the codes as they were when it was called', async () => {
  using dictionary = random(20, 8, 301);
  const make = () =>
    SparseCodes.from({
      indptr: Uint32Array.of(0, 2, 2, 5),
      indices: Uint32Array.of(0, 3, 1, 2, 9),
      values: Float32Array.of(1, -1, 1, 1, 2),
      shape: [3, 20],
    });
  const expected = await geometry.recoverability(dictionary, make());
  expect(expected.reason[1]).toBe('the code is zero');
  const codes = make();
  const pending = geometry.recoverability(dictionary, codes);
  codes.indptr.set([0, 0, 0, 0]);
  codes.indices.fill(19);
  codes.values.fill(-1);
  expect(await pending).toEqual(expected);
});

it('a phase transition keeps the dictionary that it was called with', async () => {
  const dictionary = random(24, 12, 302);
  const options = { sparsities: [1, 3, 5], trials: 6 };
  const expected = await geometry.phaseTransition(dictionary, options);
  const pending = geometry.phaseTransition(dictionary, options);
  dictionary.dispose();
  expect((await pending).points).toEqual(expected.points);
  expect(await code(() => geometry.phaseTransition(dictionary, options))).toBe('ERR_DISPOSED');
});

it('products that overflow float32 are refused by row, never passed on or missed', async () => {
  const a = { data: Float32Array.of(1, 1, 3e25, 3e25), shape: [2, 2] as const };
  const b = { data: Float32Array.of(1e17, 1e17, 1e17, -1e17), shape: [2, 2] as const };
  const few = { data: a.data.subarray(0, 2), shape: [1, 2] as const };
  for (const call of [
    () => ops.above(a, b, 1),
    () => ops.above(a, b, 1, { absolute: true }),
    () => ops.maximum(a, b),
    () => ops.topK(a, b, 1),
    () => ops.estimate(a, b, { precision: 'float32' }),
  ]) {
    expect(await code(call)).toBe('ERR_NOT_FINITE');
    expect(String(await failure(call))).toMatch(/row 1 of a/);
  }
  expect([...ops.above(few, b, 1).values]).toEqual([2 * Math.fround(1e17)]);
  expect([...ops.maximum(few, b)]).toEqual([2 * Math.fround(1e17)]);
  // Large, and no product leaves float32.
  const large = { data: Float32Array.of(1e38, 0), shape: [1, 2] as const };
  const unit = { data: Float32Array.of(3, 0, 0, 1e18), shape: [2, 2] as const };
  expect([...ops.maximum(large, unit)]).toEqual([Math.fround(3 * Math.fround(1e38))]);
});

it('codes whose memory was transferred say so', async () => {
  for (const values of [Float32Array.of(1, 2), Float64Array.of(1, 2)]) {
    const codes = SparseCodes.from({
      indptr: Uint32Array.of(0, 2),
      indices: Uint32Array.of(0, 1),
      values,
      shape: [1, 3],
    });
    expect([...codes.toDense().data]).toEqual([1, 2, 0]);
    structuredClone(values.buffer, { transfer: [values.buffer] });
    for (const call of [() => codes.toDense(), () => codes.row(0), () => [...codes]])
      expect(await code(call)).toBe('ERR_SHAPE');
  }
  const wide = SparseCodes.from({
    indptr: new Uint32Array(2 ** 16 + 1),
    indices: new Uint32Array(0),
    values: new Float64Array(0),
    shape: [2 ** 16, 2 ** 30],
  });
  expect(await code(() => wide.toDense())).toBe('ERR_TOO_LARGE');
});
