// Memory that changes under the library: detached, shrunk, grown, shared, changed during a call.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  fold,
  learnDictionary,
  ops,
  SparseCodes,
  UnsuperposeError,
  unfold,
  unfoldSync,
} from '../../lib/index.js';
import { gaussian } from '../reference/problems.js';
import { expectSame } from '../reference/verify.js';
import { type Anything, atoms, calls, codes, dictionary, failure, samples, valid } from './calls.js';

const options = { lambda: 0.1 };
const expected = unfoldSync(samples, dictionary, options);

function detached(): { data: Float32Array; shape: readonly [number, number] } {
  const data = samples.data.slice();
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return { data, shape: samples.shape };
}

/** A view that tracks a resizable buffer, then shrunk to `bytes`. */
function shrunk(bytes: number): { data: Float32Array; shape: readonly [number, number] } {
  const size = samples.data.byteLength;
  const buffer = new (ArrayBuffer as Anything)(size, { maxByteLength: 2 * size }) as ArrayBuffer & {
    resize(n: number): void;
  };
  const data = new Float32Array(buffer);
  data.set(samples.data);
  buffer.resize(bytes);
  return { data, shape: samples.shape };
}

const names = [
  'unfold',
  'unfoldSync',
  'unfoldPath',
  'learnDictionary',
  'lambdaMax',
  'correlate',
  'topK',
  'above',
  'maximum',
  'gram',
] as const;

describe.each(names)('%s', (name) => {
  it.each([
    ['a detached buffer', detached],
    ['a shrunk buffer', () => shrunk(16)],
    ['a buffer shrunk to nothing', () => shrunk(0)],
  ])('refuses %s', async (_, make) => {
    const error = await failure(() => calls[name](make(), valid[name][1], valid[name][2]));
    expect(error).toBeInstanceOf(UnsuperposeError);
    expect((error as UnsuperposeError).code).toMatch(/^ERR_(SHAPE|DTYPE)$/);
  });
});

it('refuses a detached dictionary, weights, λ, out, codes', async () => {
  const gone = detached().data;
  const spoilt: (() => unknown)[] = [
    () => Dictionary.from(detached()),
    () => unfoldSync(samples, dictionary, { lambda: gone }),
    () => unfoldSync(samples, dictionary, { lambda: 0.1, weights: gone }),
    () => ops.correlate(samples, atoms, { out: { data: gone, shape: [4, 12] } }),
    () => ops.softThreshold(samples.data, 0.1, { out: gone }),
    () =>
      SparseCodes.from({
        ...codes,
        shape: codes.shape,
        indptr: codes.indptr,
        indices: codes.indices,
        values: gone,
      }),
  ];
  for (const call of spoilt) expect(await failure(call)).toBeInstanceOf(UnsuperposeError);
});

it('codes whose buffers are detached later are refused', async () => {
  const made = SparseCodes.from({
    indptr: codes.indptr.slice(),
    indices: codes.indices.slice(),
    values: codes.values.slice(),
    shape: codes.shape,
  });
  structuredClone(made.values.buffer, { transfer: [made.values.buffer as ArrayBuffer] });
  expect(await failure(() => fold(made, dictionary))).toBeInstanceOf(UnsuperposeError);
  expect(
    await failure(() => unfoldSync(samples, dictionary, { ...options, warmStart: made })),
  ).toBeInstanceOf(UnsuperposeError);
});

it('a resizable buffer that is large enough is fine, whole or in part', () => {
  const size = samples.data.byteLength;
  const buffer = new (ArrayBuffer as Anything)(2 * size, { maxByteLength: 4 * size }) as ArrayBuffer;
  const data = new Float32Array(buffer, 4, samples.data.length);
  data.set(samples.data);
  expectSame(expected, unfoldSync({ data, shape: samples.shape }, dictionary, options));
});

it('an async call has its copy: the caller may overwrite, transfer and resize at once', async () => {
  const overwritten = { data: samples.data.slice(), shape: samples.shape };
  const lambda = new Float64Array(4).fill(0.1);
  const weights = new Float32Array(12).fill(1);
  const promises = [unfold(overwritten, dictionary, { lambda, weights })];
  overwritten.data.fill(Number.NaN);
  lambda.fill(-1);
  weights.fill(0);

  const transferred = { data: samples.data.slice(), shape: samples.shape };
  promises.push(unfold(transferred, dictionary, options));
  structuredClone(transferred.data.buffer, { transfer: [transferred.data.buffer] });

  const warm = SparseCodes.from({
    indptr: codes.indptr.slice(),
    indices: codes.indices.slice(),
    values: codes.values.slice(),
    shape: codes.shape,
  });
  const fromWarm = unfoldSync(samples, dictionary, { ...options, warmStart: codes });
  const warmPromise = unfold(samples, dictionary, { ...options, warmStart: warm });
  warm.indices.fill(4_000_000_000);
  warm.indptr.fill(4_000_000_000);
  for (const result of await Promise.all(promises)) expectSame(expected, result);
  expectSame(fromWarm, await warmPromise);
});

it('a dictionary has its copy', () => {
  const mine = { data: atoms.data.slice(), shape: atoms.shape };
  const made = Dictionary.from(mine);
  mine.data.fill(Number.NaN);
  expectSame(expected, unfoldSync(samples, made, options));
  const out = made.toMatrix();
  expect(out).toEqual({ data: atoms.data, shape: [12, 5] });
  out.data.fill(0);
  expect(made.toMatrix().data).toEqual(atoms.data);
});

it('getters run before the data is looked at, so one that detaches it cannot hurt', async () => {
  const data = samples.data.slice();
  const trap: Anything = {
    lambda: 0.1,
    get threads() {
      structuredClone(data.buffer, { transfer: [data.buffer] });
      return 1;
    },
  };
  const error = await failure(() => unfoldSync({ data, shape: samples.shape }, dictionary, trap));
  // Refused, or read before the getter ran: no third way.
  if (error) expect(error).toBeInstanceOf(UnsuperposeError);
  const late = samples.data.slice();
  const shape: Anything = {
    get 0() {
      structuredClone(late.buffer, { transfer: [late.buffer] });
      return 4;
    },
    1: 5,
    length: 2,
  };
  expect(await failure(() => unfoldSync({ data: late, shape }, dictionary, options))).toBeInstanceOf(
    UnsuperposeError,
  );
});

it('a getter that throws passes its own error on', async () => {
  const mine = new Error('from the getter');
  const throwing = (name: string): Anything =>
    Object.defineProperty({}, name, {
      enumerable: true,
      get: () => {
        throw mine;
      },
    });
  expect(await failure(() => unfoldSync(throwing('data'), dictionary, options))).toBe(mine);
  expect(await failure(() => unfold(throwing('shape'), dictionary, options))).toSatisfy(
    (e: unknown) => e === mine || e instanceof UnsuperposeError,
  );
  expect(await failure(() => unfold(samples, dictionary, throwing('lambda')))).toBe(mine);
  expect(await failure(() => learnDictionary(samples, throwing('features')))).toBe(mine);
  expectSame(expected, unfoldSync(samples, dictionary, options));
});

it('an out that overlaps an input is refused or right, never garbage', async () => {
  const square = gaussian(311, { features: 8, dims: 8, samples: 8 });
  const right = ops.correlate(square.samples, square.atoms).data;
  const shared = { data: square.samples.data.slice(), shape: square.samples.shape };
  const error = await failure(() => ops.correlate(shared, square.atoms, { out: shared }));
  if (error) expect(error).toBeInstanceOf(UnsuperposeError);
  else expect(shared.data).toEqual(right);
});

it('sizes whose result cannot be are refused without an attempt', async () => {
  const tall = { data: new Float32Array(70_000), shape: [70_000, 1] };
  const error = await failure(() => ops.correlate(tall as Anything, tall as Anything));
  expect(error).toBeInstanceOf(UnsuperposeError);
  expect((error as UnsuperposeError).code).toBe('ERR_TOO_LARGE');
});
