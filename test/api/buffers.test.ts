// Memory that changes under the library: detached, shrunk, grown, shared, changed during a call.
import { describe, expect, it } from 'vitest';
import { readMatrix } from '../../lib/call/matrix.js';
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

/** Shared memory that holds what `array` holds. */
function inSharedMemory<T extends Float32Array | Uint32Array>(array: T): T {
  const copy = new (array.constructor as Anything)(new SharedArrayBuffer(array.byteLength)) as T;
  copy.set(array as Anything);
  return copy;
}

it('codes over shared memory are copied before they are checked', () => {
  const parts = {
    indptr: inSharedMemory(codes.indptr),
    indices: inSharedMemory(codes.indices),
    values: inSharedMemory(codes.values),
    shape: codes.shape,
  };
  const made = SparseCodes.from(parts);
  for (const array of [parts.indptr, parts.indices, parts.values]) array.fill(4_000_000_000);
  expect(made.indptr).toEqual(codes.indptr);
  expect(made.indices).toEqual(codes.indices);
  expect(made.values).toEqual(codes.values);
  const kept = SparseCodes.from({ ...codes, shape: codes.shape, values: codes.values });
  expect(kept.values).toBe(codes.values); // nobody else writes these
});

it('properties that were put on an array count for nothing', () => {
  const mine = inSharedMemory(samples.data);
  Object.defineProperty(mine, 'buffer', { value: new ArrayBuffer(4) });
  Object.defineProperty(mine, 'length', { value: 7 });
  const read = readMatrix({ data: mine, shape: samples.shape }, 'x');
  expect(read.data).not.toBe(mine); // shared, whatever it says
  expect(read.data).toEqual(samples.data);
  // an iterator of the caller's own is none of ours
  const lambda = Object.assign([0.1, 0.1, 0.1, 0.1], {
    *[Symbol.iterator]() {
      yield 0.2;
    },
  });
  expectSame(expected, unfoldSync(samples, dictionary, { lambda: lambda as number[] }));
});

it('what Object.prototype has under an option name is not read once memory has been looked at', () => {
  let asked = 0;
  Object.defineProperty(Object.prototype, 'profile', { get: () => ++asked, configurable: true });
  try {
    expectSame(expected, unfoldSync(samples, dictionary, options));
  } finally {
    delete (Object.prototype as Anything).profile;
  }
  expect(asked).toBe(0);
});

it('2⁵³ − 1 rows of no columns are refused, not walked', async () => {
  const endless: Anything = { data: new Float32Array(0), shape: [Number.MAX_SAFE_INTEGER, 0] };
  for (const call of [
    () => ops.spectralNorm(endless),
    () => ops.gram(endless),
    () => ops.maximum(endless, endless),
    () => ops.topK(endless, endless, 1),
    () => Dictionary.from(endless),
    () => unfold(endless, dictionary, options),
    () => learnDictionary(endless, { features: 3, lambda: 0.1 }),
  ])
    expect(await failure(call)).toMatchObject({ name: 'UnsuperposeError', code: 'ERR_TOO_LARGE' });
});

it('codes whose buffers are gone say so in all they do', async () => {
  const made = SparseCodes.from({
    indptr: codes.indptr.slice(),
    indices: codes.indices.slice(),
    values: codes.values.slice(),
    shape: codes.shape,
  });
  structuredClone(made.indices.buffer, { transfer: [made.indices.buffer as ArrayBuffer] });
  for (const call of [() => made.row(0), () => made.toDense(), () => [...made]])
    expect(await failure(call)).toMatchObject({ name: 'UnsuperposeError', code: 'ERR_SHAPE' });
});

it('what does not fit is refused with its bytes', async () => {
  const tall: Anything = { data: new Float32Array(70_000), shape: [70_000, 1] };
  const error = (await failure(() => ops.correlate(tall, tall))) as UnsuperposeError;
  expect(error.code).toBe('ERR_TOO_LARGE');
  expect(error.message).toContain(`${70_000 ** 2 * 4} bytes`);
});
