// Codes in other forms: JSON, clones, by feature, and from ranked scores.
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Dictionary, fold, ops, SparseCodes, UnsuperposeError, unfoldSync } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';
import { type Anything, atoms, codes, dictionary, FEATURES, failure, SAMPLES, samples } from './calls.js';

const BITS = new DataView(new ArrayBuffer(8));
const random = makeRandom(411);

/** Any finite value, subnormal ones and negative zero among them. */
function anyFloat64(): number {
  for (;;) {
    BITS.setUint32(0, Math.floor(random.uniform() * 2 ** 32));
    BITS.setUint32(4, Math.floor(random.uniform() * 2 ** 32));
    const value = BITS.getFloat64(0);
    if (Number.isFinite(value)) return value;
  }
}

function anyFloat32(): number {
  for (;;) {
    BITS.setUint32(0, Math.floor(random.uniform() * 2 ** 32));
    const value = BITS.getFloat32(0);
    if (Number.isFinite(value)) return value;
  }
}

function oneRow<V extends Float32Array | Float64Array>(values: V): SparseCodes<V> {
  return SparseCodes.from({
    indptr: Uint32Array.of(0, values.length),
    indices: Uint32Array.from({ length: values.length }, (_, i) => 2 * i),
    values,
    shape: [1, 2 * values.length],
  });
}

const bytes = (array: Float32Array | Float64Array): string =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');

describe('JSON', () => {
  const edges = [0, -0, 2 ** -149, -(2 ** -126), 3.4028234663852886e38, 0.1, 1 / 3, 16777217];

  it('keeps every bit of float32 values', () => {
    const values = Float32Array.from([...edges, ...Array.from({ length: 20_000 }, anyFloat32)]);
    const made = oneRow(values);
    const again = SparseCodes.from(JSON.parse(JSON.stringify(made)));
    expect(again).toBeInstanceOf(SparseCodes);
    expect(again.values).toBeInstanceOf(Float32Array);
    expect(bytes(again.values)).toBe(bytes(values));
    expect([again.indptr, again.indices, again.shape]).toEqual([made.indptr, made.indices, made.shape]);
  });

  it('keeps every bit of float64 values', () => {
    // what fold and warm starts take as float32 stays below its largest
    const some = Array.from({ length: 20_000 }, anyFloat64).filter((v) => Math.abs(v) < 3e38);
    const values = Float64Array.from([...edges, Math.PI, 2 ** -1074, ...some]);
    const again = SparseCodes.from(JSON.parse(JSON.stringify(oneRow(values))));
    expect(again.values).toBeInstanceOf(Float64Array);
    expect(bytes(again.values)).toBe(bytes(values));
  });

  it('of what unfold answers folds to the same', () => {
    for (const precision of ['float32', 'float64'] as const) {
      const found = unfoldSync(samples, dictionary, { lambda: 0.1, precision } as Anything).codes;
      const again = SparseCodes.from(JSON.parse(JSON.stringify(found)));
      expect(again).toEqual(found);
      expect(fold(again, dictionary)).toEqual(fold(found, dictionary));
    }
  });

  const json = codes.toJSON();
  const bad: [string, Anything, RegExp][] = [
    ['another dtype', { ...json, dtype: 'int8' }, /ERR_DTYPE.*dtype/],
    ['no dtype', { ...json, dtype: undefined }, /ERR_DTYPE.*indptr/],
    [
      'null, which NaN becomes',
      { ...json, values: json.values.map(() => null) },
      /ERR_DTYPE.*values\[0\].*null/,
    ],
    ['words', { ...json, values: json.values.map(() => '1') }, /ERR_DTYPE.*values\[0\]/],
    ['values beyond float32', { ...json, values: json.values.map(() => 1e39) }, /ERR_NOT_FINITE/],
    [
      'indices that are no integers',
      { ...json, indices: json.indices.map(() => 0.5) },
      /ERR_DTYPE.*indices\[0\]/,
    ],
    [
      'indices that wrap around',
      { ...json, indices: json.indices.map((j) => j + 2 ** 32) },
      /ERR_DTYPE.*indices/,
    ],
    ['an indptr that falls', { ...json, indptr: json.indptr.toReversed() }, /ERR_SHAPE/],
    ['no values', { ...json, values: undefined }, /ERR_DTYPE.*values/],
    ['a shape of words', { ...json, shape: ['4', 12] }, /ERR_SHAPE/],
  ];
  it.each(bad)('refuses %s', async (_, value, pattern) => {
    const error = (await failure(() => SparseCodes.from(value))) as UnsuperposeError;
    expect(error).toBeInstanceOf(UnsuperposeError);
    expect(`${error.code} ${error.message}`).toMatch(pattern);
  });
});

describe('clones', () => {
  it('of codes have the arrays, and SparseCodes.from makes them whole', () => {
    const clone = structuredClone(codes);
    expect(clone).not.toBeInstanceOf(SparseCodes);
    expect(SparseCodes.from(clone)).toEqual(codes);
    expect(fold(clone as Anything, dictionary)).toEqual(fold(codes, dictionary));
  });

  it('come back from a worker', async () => {
    const echo = `import { parentPort } from 'node:worker_threads'; parentPort.once('message', (m) => parentPort.postMessage(m));`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(echo)}`));
    const back = new Promise<Anything>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    worker.postMessage(codes);
    expect(SparseCodes.from(await back)).toEqual(codes);
    await worker.terminate();
  });

  it('of a whole unfolding have all its numbers', () => {
    const unfolding = unfoldSync(samples, dictionary, { lambda: 0.1 });
    const clone = structuredClone({ ...unfolding });
    expect(SparseCodes.from(clone.codes)).toEqual(unfolding.codes);
    expect(structuredClone(unfolding).gap).toEqual(unfolding.gap);
  });

  it('of a Dictionary are refused where they are made', () => {
    expect(() => structuredClone(dictionary)).toThrow(/toMatrix\(\).*Dictionary\.from/);
    expect(() => structuredClone({ found: [dictionary] })).toThrow(/toMatrix\(\)/);
    const { port1, port2 } = new MessageChannel();
    expect(() => port1.postMessage(dictionary)).toThrow(/toMatrix\(\)/);
    port1.close();
    port2.close();
    const again = Dictionary.from(structuredClone(dictionary.toMatrix()));
    expect(again.toMatrix()).toEqual(dictionary.toMatrix());
  });
});

describe('byFeature', () => {
  /** From the dense form: what the view must say of feature j. */
  function expected(of: SparseCodes<Float32Array | Float64Array>, j: number) {
    const { data, shape } = of.toDense();
    const uses = Array.from({ length: shape[0] }, (_, i) => ({ i, value: data[i * shape[1] + j] as number }))
      .filter(({ value }) => value !== 0)
      .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.i - b.i);
    const sizes = uses.map(({ value }) => Math.abs(value));
    return {
      samples: uses.map(({ i }) => i),
      values: uses.map(({ value }) => value),
      density: uses.length / shape[0],
      maximum: Math.max(0, ...sizes),
      mean: uses.length === 0 ? 0 : sizes.reduce((a, b) => a + b) / uses.length,
    };
  }

  /** Codes of few different values, so that there are ties, with stored zeros. */
  function made(rows: number, features: number): SparseCodes {
    const indptr = [0];
    const indices: number[] = [];
    const values: number[] = [];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < features; j++) {
        if (random.uniform() > 0.4 || j === 3) continue;
        indices.push(j);
        values.push(Math.round(6 * random.uniform() - 3) / 2);
      }
      indptr.push(indices.length);
    }
    return SparseCodes.from({
      indptr: Uint32Array.from(indptr),
      indices: Uint32Array.from(indices),
      values: Float32Array.from(values),
      shape: [rows, features],
    });
  }

  const some = made(90, 11);
  it.each([
    ['float32', some],
    ['float64', SparseCodes.from({ ...some, values: Float64Array.from(some.values) })],
    ['of an unfolding', codes],
  ] as const)('says of each feature what the dense matrix says: %s', (_, of) => {
    const view = (of as SparseCodes<Float32Array | Float64Array>).byFeature();
    expect(view.shape).toEqual(of.shape);
    for (let j = 0; j < of.shape[1]; j++) {
      const truth = expected(of, j);
      const use = view.feature(j);
      expect([...use.samples]).toEqual(truth.samples);
      expect([...use.values]).toEqual(truth.values);
      expect(use.values.constructor).toBe(of.values.constructor);
      expect([use.density, use.maximum]).toEqual([truth.density, truth.maximum]);
      expect(use.mean).toBeCloseTo(truth.mean, 12);
      expect([view.density[j], view.maximum[j], view.mean[j]]).toEqual([use.density, use.maximum, use.mean]);
      for (const top of [0, 1, 2, 7, 89, 1000]) {
        const few = view.feature(j, { top });
        expect([...few.samples]).toEqual(truth.samples.slice(0, top));
        expect([...few.values]).toEqual(truth.values.slice(0, top));
      }
      const column = view.samples.subarray(view.indptr[j], view.indptr[j + 1]);
      expect([...column]).toEqual(truth.samples.toSorted((a, b) => a - b));
    }
  });

  it('of no samples and of no features', () => {
    const none = (rows: number, features: number) =>
      SparseCodes.from({
        indptr: new Uint32Array(rows + 1),
        indices: new Uint32Array(0),
        values: new Float32Array(0),
        shape: [rows, features],
      }).byFeature();
    expect([...none(0, 3).density]).toEqual([0, 0, 0]);
    expect(none(0, 3).feature(2).samples.length).toBe(0);
    expect(none(3, 0).indptr.length).toBe(1);
  });

  it('refuses features that are not there, and codes that were tampered with', async () => {
    const view = codes.byFeature();
    for (const j of [-1, FEATURES, 0.5, '1' as Anything])
      expect(await failure(() => view.feature(j))).toMatchObject({ code: 'ERR_OPTION' });
    expect(await failure(() => view.feature(0, { top: -1 }))).toMatchObject({ code: 'ERR_OPTION' });
    const spoilt = SparseCodes.from({
      indptr: codes.indptr.slice(),
      indices: codes.indices.slice(),
      values: codes.values.slice(),
      shape: codes.shape,
    });
    spoilt.indptr.fill(4e9);
    expect(await failure(() => spoilt.byFeature())).toBeInstanceOf(UnsuperposeError);
  });
});

describe("topK with format 'codes'", () => {
  it('has the same entries as the arrays, by ascending index', () => {
    for (const absolute of [false, true])
      for (const k of [1, 3, FEATURES]) {
        const arrays = ops.topK(samples, dictionary, k, { absolute });
        const found = ops.topK(samples, dictionary, k, { absolute, format: 'codes' });
        expect(found.shape).toEqual([SAMPLES, FEATURES]);
        expect(SparseCodes.from(found)).toEqual(found);
        for (let i = 0; i < SAMPLES; i++) {
          const row = found.row(i);
          const pairs = Array.from({ length: k }, (_, at) => [
            arrays.indices[i * k + at] as number,
            arrays.values[i * k + at] as number,
          ]).sort(([a], [b]) => (a as number) - (b as number));
          expect([...row.indices]).toEqual(pairs.map(([j]) => j));
          expect([...row.values]).toEqual(pairs.map(([, value]) => value));
        }
      }
  });

  it('folds, and leaves zeros out', () => {
    const x = { data: Float32Array.of(2, 0, 0, -3), shape: [2, 2] as const };
    const d = Dictionary.from({ data: Float32Array.of(0, 1, 1, 0), shape: [2, 2] });
    const found = ops.topK(x, d, 2, { absolute: true, format: 'codes' });
    expect([...found.indices]).toEqual([1, 0]);
    expect([...fold(found, d).data]).toEqual([2, 0, 0, -3]);
    const tall = ops.topK(samples, dictionary, 2, { format: 'codes' });
    expect(fold(tall, dictionary).shape).toEqual([SAMPLES, atoms.shape[1]]);
  });

  it('refuses other formats', async () => {
    const error = await failure(() => ops.topK(samples, atoms, 2, { format: 'csr' as Anything }));
    expect(error).toMatchObject({ code: 'ERR_OPTION', argument: 'format' });
  });
});
